//! The accounts of a configuration.

use std::sync::Arc;

use imbl::Vector;

use super::AccountOptions;

/// Accounts in their order. A clone shares them, and so does a clone in which one is changed: with tokens there may be very many.
#[derive(Clone, Debug)]
pub struct AccountList {
    in_order: Vector<Arc<AccountOptions>>,
    /// They are in the order of their names, each of which is there once. So they come with tokens.
    is_sorted: bool,
}

impl Default for AccountList {
    fn default() -> Self {
        Self { in_order: Vector::new(), is_sorted: true }
    }
}

impl AccountList {
    /// The account of this name; the first, where there are several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<AccountOptions>> {
        if !self.is_sorted {
            return self.in_order.iter().find(|account| account.name == name);
        }
        self.place(name).ok().and_then(|place| self.in_order.get(place))
    }

    /// Takes an account in place of the one of its name.
    pub fn put(&mut self, account: Arc<AccountOptions>) {
        let place = match self.is_sorted {
            true => self.place(&account.name),
            false => {
                let known = self.in_order.iter().position(|known| known.name == account.name);
                known.ok_or(self.in_order.len())
            }
        };
        match place {
            Ok(place) => _ = self.in_order.set(place, account),
            Err(place) => self.in_order.insert(place, account),
        }
    }

    /// Forgets the account of this name.
    pub fn remove(&mut self, name: &str) {
        if self.is_sorted {
            if let Ok(place) = self.place(name) {
                self.in_order.remove(place);
            }
        } else {
            self.in_order.retain(|account| account.name != name);
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<AccountOptions>> {
        self.in_order.iter()
    }

    /// All of them, to be indexed.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Arc<AccountOptions>> {
        self.in_order.iter().cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_order.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.in_order.binary_search_by(|account| account.name.as_str().cmp(name))
    }
}

impl FromIterator<Arc<AccountOptions>> for AccountList {
    fn from_iter<T: IntoIterator<Item = Arc<AccountOptions>>>(accounts: T) -> Self {
        let in_order: Vector<_> = accounts.into_iter().collect();
        let is_sorted = in_order.iter().is_sorted_by(|one, next| one.name < next.name);
        Self { in_order, is_sorted }
    }
}

/// What is shared is equal, and costs nothing to compare.
impl PartialEq for AccountList {
    fn eq(&self, other: &Self) -> bool {
        let is_same =
            |(one, other): (&Arc<AccountOptions>, &Arc<AccountOptions>)| Arc::ptr_eq(one, other) || one == other;
        self.in_order.ptr_eq(&other.in_order)
            || (self.len() == other.len() && self.in_order.iter().zip(&other.in_order).all(is_same))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::options::AccountLimits;

    fn account(name: u8, limit: u64) -> Arc<AccountOptions> {
        let limits = AccountLimits { max_connections: Some(limit), ..AccountLimits::default() };
        Arc::new(AccountOptions { name: format!("A{name}"), limits, ..AccountOptions::default() })
    }

    proptest! {
        #[test]
        fn it_is_as_a_list(
            first in proptest::collection::vec(0..8_u8, 0..6),
            changes in proptest::collection::vec((0..8_u8, proptest::option::of(0..4_u64)), 0..40),
        ) {
            let mut list: AccountList = first.iter().map(|name| account(*name, 9)).collect();
            let mut plain: Vec<Arc<AccountOptions>> = list.to_vec();
            for (name, limit) in changes {
                let text = format!("A{name}");
                let known = plain.iter().position(|known| known.name == text);
                match limit {
                    None => {
                        list.remove(&text);
                        plain.retain(|known| known.name != text);
                    }
                    Some(limit) => {
                        let new = account(name, limit);
                        list.put(Arc::clone(&new));
                        match known {
                            Some(place) => plain[place] = new,
                            None => plain.push(new),
                        }
                    }
                }
                prop_assert_eq!(list.get(&text), plain.iter().find(|known| known.name == text));
            }
            let names = |list: &[Arc<AccountOptions>]| {
                let mut names: Vec<_> = list.iter().map(|one| (one.name.clone(), one.limits.max_connections)).collect();
                names.sort();
                names
            };
            prop_assert_eq!(names(&list.to_vec()), names(&plain));
        }
    }
}
