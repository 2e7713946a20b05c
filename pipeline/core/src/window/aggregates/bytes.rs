//! Accumulators as bytes: column after column, each without its length. Floating-point numbers are kept bit by bit, and
//! equal slots give equal bytes.

use sketches_ddsketch::DDSketch;

use crate::Result;
use crate::window::accumulators::{Accumulators, Basic, Ends, Layout, Spread};
use crate::window::bytes::{Reader, Writer, broken};

impl Accumulators {
    /// Writes all slots.
    pub fn write(&self, out: &mut Writer) {
        for Basic { count, sum, min, max } in &self.basic {
            out.u64(*count);
            [*sum, *min, *max].into_iter().for_each(|n| out.f64(n));
        }
        for Spread { mean, m2 } in &self.spread {
            out.f64(*mean);
            out.f64(*m2);
        }
        for Ends { first_time, first, last_time, last } in &self.ends {
            out.i64(*first_time);
            out.f64(*first);
            out.i64(*last_time);
            out.f64(*last);
        }
        for sketch in &self.sketches {
            out.bytes(&sketch.to_java_bytes());
        }
        self.more.iter().for_each(|more| more.write(out));
    }

    /// The columns of aggregates that need more than a few numbers.
    #[cfg(test)]
    pub fn more_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.more.iter().for_each(|more| more.write(&mut out));
        out.0
    }

    /// Reads so many slots that take events.
    ///
    /// # Errors
    /// `Broken` when the bytes are not what [`Accumulators::write`] gives with this layout.
    pub fn read_bytes(layout: Layout, slots: usize, input: &mut Reader<'_>) -> Result<Self> {
        Self::new(layout).filled(slots, input)
    }

    /// Reads so many slots of a kind that has none yet.
    pub(super) fn filled(mut self, slots: usize, input: &mut Reader<'_>) -> Result<Self> {
        let read = &mut self;
        let Layout { spread, ends, sketch, .. } = read.layout;
        for _ in 0..slots {
            let (count, sum, min, max) = (input.u64()?, input.f64()?, input.f64()?, input.f64()?);
            read.basic.push(Basic { count, sum, min, max });
        }
        for _ in (0..slots).filter(|_| spread) {
            read.spread.push(Spread { mean: input.f64()?, m2: input.f64()? });
        }
        for _ in (0..slots).filter(|_| ends) {
            let (first_time, first, last_time, last) = (input.i64()?, input.f64()?, input.i64()?, input.f64()?);
            read.ends.push(Ends { first_time, first, last_time, last });
        }
        for _ in (0..slots).filter(|_| sketch) {
            let sketch = DDSketch::from_java_bytes(input.bytes()?).map_err(|e| broken("a sketch cannot be read").because(e))?;
            read.sketches.push(sketch);
        }
        if let Some(mut more) = self.more.take() {
            more.fill(self.wanted(), slots, input)?;
            self.more = Some(more);
        }
        Ok(self)
    }
}
