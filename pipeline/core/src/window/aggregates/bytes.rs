//! Accumulators as bytes: column after column, each without its length. Floating-point numbers are kept bit by bit, and
//! equal slots give equal bytes.

use sketches_ddsketch::DDSketch;

use crate::Result;
use crate::window::accumulators::{Accumulators, Basic, Ends, Layout, Spread};
use crate::window::bytes::{Reader, Writer, broken};

impl Layout {
    /// What accumulators only make sense with.
    pub fn write(&self, out: &mut Writer) {
        out.u8(u8::from(self.spread) | u8::from(self.ends) << 1 | u8::from(self.sketch) << 2);
    }
}

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
    }

    /// Reads so many slots.
    ///
    /// # Errors
    /// `Broken` when the bytes are not what [`Accumulators::write`] gives with this layout.
    pub fn read_bytes(layout: Layout, slots: usize, input: &mut Reader<'_>) -> Result<Self> {
        let mut read = Self::new(layout);
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
        Ok(read)
    }
}
