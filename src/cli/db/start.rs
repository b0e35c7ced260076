//! What a start says of the databases: for services that say `database = true`, and never more than a notice.

use std::time::Duration;

use crate::database::{Server, glance};
use crate::plan::{Choices, Plan};

use super::super::discover::{self, Env, Found};

/// A start doesn't wait for a server that is slow to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What isn't as it should be.
pub async fn notices(found: &Found, choices: &Choices, plan: &Plan, env: &Env) -> Vec<String> {
    let uses = |service| found.config.services.get(service).is_some_and(|service| service.database);
    let using: Vec<_> = plan.processes.iter().filter(|process| uses(&process.service)).collect();
    if using.is_empty() {
        return Vec::new();
    }
    let facts = discover::facts(found, env.clone());
    let Ok(Some(databases)) = crate::plan::databases(&found.config, choices, &facts) else { return Vec::new() };
    if databases.url.is_empty() {
        return Vec::new();
    }
    let mut names: Vec<String> = Vec::new();
    for process in using {
        let own = databases.silos.iter().find(|silo| Some(&silo.silo) == process.silo.as_ref());
        let name = own.map_or(&databases.monolith, |silo| &silo.database);
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let asked = async {
        let server = Server::parse(&databases.url, env, "devserver start")?;
        glance(&server, &names).await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Err(_) => vec!["the database server is slow to answer: its databases weren't looked at".to_owned()],
        Ok(Err(error)) => vec![error.to_string()],
        Ok(Ok(said)) => said,
    }
}
