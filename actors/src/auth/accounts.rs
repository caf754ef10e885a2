//! Logins into accounts that are not known yet.

use tokio::sync::mpsc;

/// Most logins that wait for accounts. Those beyond it are refused.
const MAX_WISHES: usize = 4096;

/// An account that is to be found.
#[derive(Debug)]
pub struct Wish {
    /// Its key.
    pub account: String,
    /// Dropped once there is nothing more to wait for, found or not.
    pub held: mpsc::Sender<()>,
}

/// Where logins ask for accounts.
#[derive(Debug)]
pub struct AccountDesk {
    wishes: mpsc::Sender<Wish>,
}

impl AccountDesk {
    /// A desk, and what is asked for there.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Wish>) {
        let (wishes, asked) = mpsc::channel(MAX_WISHES);
        (Self { wishes }, asked)
    }

    /// Waits until an account and what it imports are in force, or were not found. The caller limits the time.
    pub async fn find(&self, account: &str) {
        let (held, mut done) = mpsc::channel(1);
        if self.wishes.try_send(Wish { account: account.to_owned(), held }).is_ok() {
            done.recv().await;
        }
    }
}
