//! Which shard a process of a sweep runs: the one that `--shard` names, or that of its task by the scheduler

use std::str::FromStr;

use anyhow::Result;
use chainrule::Error;
use chainrule::sweep::{self, Environment, Shard, Taken};

/// The value of `--shard`
#[derive(Clone, Copy)]
pub enum ShardChoice {
    /// From the scheduler that runs this task
    Auto,
    /// The shard itself
    Given(Shard),
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let given = || text.parse().map(Self::Given).map_err(|e: String| e + ", or auto");
        if text == "auto" { Ok(Self::Auto) } else { given() }
    }
}

/// The shard to run, and what was taken from the scheduler, if it comes from one
///
/// * `count`: the value of `--shards`
pub fn shard(choice: Option<ShardChoice>, count: Option<u32>) -> Result<(Option<Shard>, Option<Taken>)> {
    let environment: Environment = std::env::vars_os()
        .map(|(name, text)| (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned()))
        .collect();
    let count = count.map(|n| n as usize);
    let taken = match choice {
        Some(ShardChoice::Given(shard)) => {
            if let Some(n) = count.filter(|&n| n != shard.count) {
                let problem = format!("--shard {shard} and --shards {n} disagree; leave --shards out");
                return Err(Error::Usage(problem).into());
            }
            return Ok((Some(shard), None));
        }
        None if count.is_none() => sweep::slurm_shard(&environment)?,
        _ => Some(sweep::auto_shard(&environment, count)?),
    };
    Ok((taken.as_ref().and_then(|taken| taken.shard), taken))
}
