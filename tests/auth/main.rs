//! Who may enter: tokens, passwords, nkeys, accounts, and what a refused connection is told.

mod t10_accounts;
mod t10_nkeys;
mod t10_passwords;
mod t10_token;
mod t30_connection_types;
mod t30_no_auth_user;
mod t30_refusals;
mod t50_clients_revoked;
mod t50_staples;
mod t50_tls;
mod t60_configurations;
mod visitor;
