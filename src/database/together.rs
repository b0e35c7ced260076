//! Several things at once, the first failure ending all.

use std::future::Future;

/// Waits for all of them, in one task; the others are dropped when one fails.
///
/// # Errors
/// The first.
pub async fn all<T, E>(work: impl IntoIterator<Item = impl Future<Output = Result<T, E>>>) -> Result<Vec<T>, E> {
    futures_util::future::try_join_all(work).await
}
