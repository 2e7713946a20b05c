//! compose/ as far as it can be judged without a container engine: the files say what they should, everything they name
//! is there, and the programs that read them accept them.
#![cfg(test)]

mod files;
mod compose {
    mod check;
    mod faults;
    mod image;
    mod scripts;
    mod stack;
    mod whole;
}
