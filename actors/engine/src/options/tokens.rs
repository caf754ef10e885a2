//! The accounts whose tokens are known.

use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use sha2::{Digest, Sha256};
use troupe_codecs::jwt::AccountClaims;

use super::trust::Token;

/// Tokens of accounts, by the key of the account. A clone shares them, and so does a clone in which one is changed.
#[derive(Clone, Debug, Default)]
pub struct AccountTokens {
    by_account: OrdMap<Arc<str>, Arc<Token<AccountClaims>>>,
    /// All digests of the tokens on top of each other.
    digest: [u8; 32],
}

impl AccountTokens {
    /// The token of an account.
    #[must_use]
    pub fn get(&self, account: &str) -> Option<&Arc<Token<AccountClaims>>> {
        self.by_account.get(account)
    }

    /// Takes a token in place of the one its account has.
    pub fn put(&mut self, token: Arc<Token<AccountClaims>>) {
        toggle(&mut self.digest, &token);
        if let Some(before) = self.by_account.insert(token.claims.sub.as_str().into(), token) {
            toggle(&mut self.digest, &before);
        }
    }

    /// Forgets the token of an account.
    pub fn remove(&mut self, account: &str) {
        if let Some(before) = self.by_account.remove(account) {
            toggle(&mut self.digest, &before);
        }
    }

    /// All of them, in the order of their accounts.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Token<AccountClaims>>> {
        self.by_account.values()
    }

    /// What is other than in `before`: accounts with the tokens they have now, or without one. What both share is not looked at.
    pub fn changes_since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a Arc<str>, Option<&'a Arc<Token<AccountClaims>>>)> {
        before.by_account.diff(&self.by_account).map(|change| match change {
            DiffItem::Add(account, token) | DiffItem::Update { new: (account, token), .. } => (account, Some(token)),
            DiffItem::Remove(account, _) => (account, None),
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_account.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_account.is_empty()
    }

    /// What tells these tokens from others: all their digests on top of each other.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// The digest tells: equal tokens have it, and nobody finds others that do.
impl PartialEq for AccountTokens {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.digest == other.digest
    }
}

fn toggle(digest: &mut [u8; 32], token: &Token<AccountClaims>) {
    digest.iter_mut().zip(Sha256::digest(&token.text)).for_each(|(all, own)| *all ^= own);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use troupe_codecs::jwt::Claims;

    use super::*;

    fn token(account: u8, text: u8) -> Arc<Token<AccountClaims>> {
        let claims = Claims { sub: format!("A{account}"), ..Claims::default() };
        Arc::new(Token { text: text.to_string(), claims })
    }

    proptest! {
        #[test]
        fn they_are_as_a_map(changes in proptest::collection::vec((0..8_u8, proptest::option::of(0..4_u8)), 0..60)) {
            let mut tokens = AccountTokens::default();
            let mut map = std::collections::BTreeMap::new();
            for (account, text) in changes {
                match text {
                    Some(text) => {
                        tokens.put(token(account, text));
                        map.insert(format!("A{account}"), text.to_string());
                    }
                    None => {
                        tokens.remove(&format!("A{account}"));
                        map.remove(&format!("A{account}"));
                    }
                }
            }
            let found: Vec<_> = tokens.iter().map(|token| (token.claims.sub.clone(), token.text.clone())).collect();
            prop_assert_eq!(&found, &map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(tokens.len(), map.len());
            let mut again = AccountTokens::default();
            for (account, text) in map.iter().rev() {
                prop_assert_eq!(&tokens.get(account).expect("there").text, text);
                again.put(token(account[1..].parse().expect("a number"), text.parse().expect("a number")));
            }
            prop_assert_eq!(again, tokens);
        }
    }
}
