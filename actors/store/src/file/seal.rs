//! Encryption at rest, with nats-server's keys, files and ciphers.

use std::path::Path;
use std::sync::Arc;

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek, consts::U16};
use chacha20poly1305::XChaCha20Poly1305;
use rand::RngCore;
use sha2::{Digest, Sha256};

use super::place::Place;
use crate::StoreError;
use crate::disk::{self, Disk};

type AesGcm16 = aes_gcm::AesGcm<Aes256, U16>;
type AesCtr = ctr::Ctr128BE<Aes256>;

const SEED: usize = 32;

/// Which ciphers encrypt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cipher {
    /// XChaCha20-Poly1305.
    #[default]
    ChaCha,
    /// AES-256, in GCM mode for small files, in counter mode for blocks.
    Aes,
}

impl Cipher {
    fn nonce_size(self) -> usize {
        match self {
            Self::ChaCha => 24,
            Self::Aes => 16,
        }
    }

    fn seal(self, key: &[u8; SEED], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = vec![0; self.nonce_size()];
        rand::rng().fill_bytes(&mut nonce);
        let sealed = match self {
            Self::ChaCha => {
                XChaCha20Poly1305::new(key.into()).encrypt(nonce.as_slice().try_into().map_err(bad_key)?, plain)
            }
            Self::Aes => AesGcm16::new(key.into()).encrypt(nonce.as_slice().try_into().map_err(bad_key)?, plain),
        };
        nonce.extend(sealed.map_err(bad_key)?);
        Ok(nonce)
    }

    fn unseal(self, key: &[u8; SEED], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (nonce, body) = sealed.split_at_checked(self.nonce_size()).ok_or_else(|| bad_key("too short"))?;
        let plain = match self {
            Self::ChaCha => XChaCha20Poly1305::new(key.into()).decrypt(nonce.try_into().map_err(bad_key)?, body),
            Self::Aes => AesGcm16::new(key.into()).decrypt(nonce.try_into().map_err(bad_key)?, body),
        };
        plain.map_err(bad_key)
    }
}

fn bad_key(reason: impl std::fmt::Display) -> StoreError {
    StoreError::Unusable(format!("bad encryption key: {reason}"))
}

/// The server's key for an account.
#[derive(Clone)]
pub struct EncryptionKey {
    /// As configured.
    pub key: String,
    /// Which ciphers encrypt.
    pub cipher: Cipher,
}

impl std::fmt::Debug for EncryptionKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EncryptionKey").field("cipher", &self.cipher).finish_non_exhaustive()
    }
}

impl EncryptionKey {
    /// Derives the key that encrypts the key of a stream, consumer or block: HMAC-SHA256 of account and context.
    fn derive(&self, account: &str, context: &str) -> [u8; SEED] {
        const BLOCK: usize = 64;
        let mut key = [0_u8; BLOCK];
        if self.key.len() > BLOCK {
            key[..SEED].copy_from_slice(&Sha256::digest(self.key.as_bytes()));
        } else {
            key[..self.key.len()].copy_from_slice(self.key.as_bytes());
        }
        let inner = Sha256::new().chain_update(key.map(|byte| byte ^ 0x36)).chain_update(account).chain_update(context);
        let outer = Sha256::new().chain_update(key.map(|byte| byte ^ 0x5c)).chain_update(inner.finalize());
        outer.finalize().into()
    }
}

/// Keys of one stream or consumer.
#[derive(Clone)]
pub(crate) struct Keys {
    main: EncryptionKey,
    account: String,
    stream: String,
    seed: [u8; SEED],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keys").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Keys {
    /// Opens the keys of a stream's directory. None if there are none.
    pub(crate) fn of_stream(
        main: &EncryptionKey,
        disk: &Arc<dyn Disk>,
        directory: &Path,
        account: &str,
        stream: &str,
    ) -> Result<Option<Arc<Self>>, StoreError> {
        let seed = open_seed(main, disk, directory, account, stream)?;
        Ok(seed.map(|seed| Self::with_seed(main, account, stream, seed)))
    }

    /// Makes the keys of a new stream, and the content of their file.
    pub(crate) fn new_of_stream(
        main: &EncryptionKey,
        account: &str,
        stream: &str,
    ) -> Result<(Arc<Self>, Vec<u8>), StoreError> {
        let (seed, sealed) = new_seed(main, account, stream)?;
        Ok((Self::with_seed(main, account, stream, seed), sealed))
    }

    fn with_seed(main: &EncryptionKey, account: &str, stream: &str, seed: [u8; SEED]) -> Arc<Self> {
        Arc::new(Self { main: main.clone(), account: account.to_owned(), stream: stream.to_owned(), seed })
    }

    /// Opens the keys of a consumer's directory. None if there are none.
    pub(super) fn of_consumer(
        &self,
        disk: &Arc<dyn Disk>,
        directory: &Path,
        stream: &str,
        consumer: &str,
    ) -> Result<Option<Arc<Self>>, StoreError> {
        let context = format!("{stream}.{consumer}");
        let seed = open_seed(&self.main, disk, directory, &self.account, &context)?;
        Ok(seed.map(|seed| Arc::new(Self { seed, ..self.clone() })))
    }

    /// Makes the keys of a new consumer, and the content of their file.
    pub(super) fn new_of_consumer(&self, stream: &str, consumer: &str) -> Result<(Arc<Self>, Vec<u8>), StoreError> {
        let (seed, sealed) = new_seed(&self.main, &self.account, &format!("{stream}.{consumer}"))?;
        Ok((Arc::new(Self { seed, ..self.clone() }), sealed))
    }

    pub(super) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.main.cipher.seal(&self.seed, plain)
    }

    pub(super) fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.main.cipher.unseal(&self.seed, sealed)
    }

    /// Makes a block's cipher, and the content of its key file.
    pub(super) fn new_block_key(&self, index: u32) -> Result<(BlockCipher, Vec<u8>), StoreError> {
        let mut seed = [0; SEED];
        rand::rng().fill_bytes(&mut seed);
        let key = self.main.derive(&self.account, &format!("{}:{index}", self.stream));
        let sealed = self.main.cipher.seal(&key, &seed)?;
        let nonce = sealed[..self.main.cipher.nonce_size()].to_vec();
        Ok((BlockCipher { cipher: self.main.cipher, seed, nonce }, sealed))
    }

    /// Makes a block's cipher and writes its key file.
    pub(super) fn make_block_key(&self, place: &Place, index: u32) -> Result<BlockCipher, StoreError> {
        let (cipher, sealed) = self.new_block_key(index)?;
        place.write_with_journal(&place.key_path(index), &sealed)?;
        Ok(cipher)
    }

    /// Opens a block's cipher; None if it has no key file, and so is not encrypted.
    pub(super) fn block_cipher(&self, place: &Place, index: u32) -> Result<Option<BlockCipher>, StoreError> {
        let Some(sealed) = place.read_opt(&place.key_path(index))? else { return Ok(None) };
        let key = self.main.derive(&self.account, &format!("{}:{index}", self.stream));
        let seed = self.main.cipher.unseal(&key, &sealed)?.try_into().map_err(|_| bad_key("wrong length"))?;
        let nonce = sealed[..self.main.cipher.nonce_size()].to_vec();
        Ok(Some(BlockCipher { cipher: self.main.cipher, seed, nonce }))
    }
}

/// Reads a directory's `meta.key`.
fn open_seed(
    main: &EncryptionKey,
    disk: &Arc<dyn Disk>,
    directory: &Path,
    account: &str,
    context: &str,
) -> Result<Option<[u8; SEED]>, StoreError> {
    let path = directory.join("meta.key");
    let known = disk::read_opt(&**disk, &path).map_err(|error| StoreError::io("read", &path, error))?;
    let Some(sealed) = known else { return Ok(None) };
    let seed = main.cipher.unseal(&main.derive(account, context), &sealed)?;
    seed.try_into().map(Some).map_err(|_| bad_key("wrong length"))
}

/// Makes a seed, and the content of its `meta.key`.
fn new_seed(main: &EncryptionKey, account: &str, context: &str) -> Result<([u8; SEED], Vec<u8>), StoreError> {
    let mut seed = [0; SEED];
    rand::rng().fill_bytes(&mut seed);
    let sealed = main.cipher.seal(&main.derive(account, context), &seed)?;
    Ok((seed, sealed))
}

/// Encrypts and decrypts a block from any offset.
#[derive(Clone)]
pub(super) struct BlockCipher {
    cipher: Cipher,
    seed: [u8; SEED],
    nonce: Vec<u8>,
}

impl std::fmt::Debug for BlockCipher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BlockCipher").field("cipher", &self.cipher).finish_non_exhaustive()
    }
}

impl BlockCipher {
    /// Encrypts plain bytes, or decrypts encrypted ones, that start at an offset of the block.
    pub(super) fn apply(&self, offset: u64, bytes: &mut [u8]) {
        match self.cipher {
            Cipher::ChaCha => {
                let Ok(mut stream) = chacha20::XChaCha20::new_from_slices(&self.seed, &self.nonce) else { return };
                stream.seek(offset);
                stream.apply_keystream(bytes);
            }
            Cipher::Aes => {
                let Ok(mut stream) = AesCtr::new_from_slices(&self.seed, &self.nonce) else { return };
                stream.seek(offset);
                stream.apply_keystream(bytes);
            }
        }
    }
}
