use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

/// Hashes what is read through it.
#[derive(Debug)]
pub struct HashingReader<R> {
    source: R,
    digest: Sha256,
}

impl<R: Read> HashingReader<R> {
    pub fn new(source: R) -> Self {
        HashingReader { source, digest: Sha256::new() }
    }

    /// Reads to the end.
    pub fn read_all(mut self) -> io::Result<Self> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(self)
    }

    /// The digest of the bytes that were read; others may have been added since.
    pub fn digest(self) -> Sha256 {
        self.digest
    }

    /// As [`HashingReader::digest`], and nothing comes after it.
    pub fn sha256(self) -> [u8; 32] {
        self.digest.finalize().into()
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.digest.update(&into[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_counts() {
        let bytes = vec![7; 100_000];
        let sha256 = |bytes: &[u8]| <[u8; 32]>::from(Sha256::digest(bytes));
        for n in [0, 1, 70_000, 100_000] {
            let begun = || {
                let mut reader = HashingReader::new(bytes.as_slice());
                reader.read_exact(&mut vec![0; n]).unwrap();
                reader
            };
            assert_eq!(begun().sha256(), sha256(&bytes[..n]), "{n}");
            assert_eq!(begun().read_all().unwrap().sha256(), sha256(&bytes), "{n}");
        }
    }
}
