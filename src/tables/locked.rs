//! Files that are locked against other processes

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::ops::{Deref, DerefMut};

/// An open file with a lock that ends when this is dropped
///
/// A lock belongs to the open file, and closing one descriptor does not end it while another is open: that of
/// [`File::try_clone`], or that of a process which the program starts, from the fork until its own program is loaded. So
/// the file is unlocked before it is closed.
#[derive(Debug)]
pub struct Locked(File);

impl Locked {
    /// Locks a file by `try_lock`; returns `None` if it is locked already
    ///
    /// On a file system without locks, the file is returned without one.
    ///
    /// # Errors
    /// If the system can't say whether it is locked.
    pub fn try_new(
        file: File,
        try_lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    ) -> io::Result<Option<Self>> {
        match try_lock(&file) {
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) if e.kind() != ErrorKind::Unsupported => Err(e),
            _ => Ok(Some(Self(file))),
        }
    }

    /// A file that the caller has locked
    pub fn of_locked(file: File) -> Self {
        Self(file)
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // It fails where there are no locks.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_although_another_descriptor_of_the_file_is_open() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || File::options().append(true).open(file.path()).unwrap();
        let lock = || Locked::try_new(open(), File::try_lock).unwrap();
        let first = lock().unwrap();
        let inherited = first.try_clone().unwrap();
        assert!(lock().is_none());
        drop(first);
        let second = lock().unwrap();
        drop(inherited);
        assert!(lock().is_none());
        drop(second);
    }
}
