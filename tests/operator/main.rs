//! Operator mode: who may enter, and with what rights, stands in signed tokens.

mod t10_reports;
mod t10_users;
mod t30_refusals;
mod t50_expiry;
mod tokens;
