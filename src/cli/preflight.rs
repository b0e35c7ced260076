//! Preflight
use super::report::Failure;
use crate::plan::Plan;
pub fn preflight(_plan: &Plan, _env: &std::collections::BTreeMap<String, String>) -> Result<(), Failure> {
    Ok(())
}
