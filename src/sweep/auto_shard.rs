//! The shard of this task, from the schedulers that may run it

use std::path::Path;

use super::folder_plans::plans;
use super::scheduler::{SCHEDULERS, SLURM};
use super::scheduler_task::alone;
pub use super::scheduler_task::{Environment, Taken};
use crate::error::{Error, Result};

/// The shard of this task, from the scheduler that runs it
///
/// * `shards`: the number of shards, where the scheduler does not give it
///
/// # Errors
/// If no scheduler has set its variables, a variable is missing or holds no number, the variables do not fit each other,
/// or two schedulers disagree.
pub fn auto_shard(environment: &Environment, shards: Option<usize>) -> Result<Taken> {
    let mut found = Vec::new();
    for scheduler in &SCHEDULERS {
        found.extend(scheduler.taken(environment, shards)?);
    }
    // Some schedulers put every job into an array of one task, so one that reports a larger array takes precedence.
    let is_part = |taken: &Taken| taken.shard.is_some_and(|shard| shard.count > 1);
    if found.iter().any(is_part) {
        found.retain(is_part);
    } else if found.iter().any(|taken| taken.shard.is_some()) {
        found.retain(|taken| taken.shard.is_some());
    }
    let Some(first) = found.first() else {
        let names = SCHEDULERS.map(|scheduler| scheduler.id).join(", ");
        let give = shards.map_or("i/n".to_owned(), |n| format!("i/{n}"));
        return Err(Error::Usage(format!(
            "--shard auto: no scheduler has set the number of this task (looked for {names}); give it with --shard {give}, \
             or leave --shard out to run the whole sweep"
        )));
    };
    if let Some(other) = found.iter().find(|other| other.shard != first.shard) {
        let said = |taken: &Taken| {
            let shard = taken.shard.map_or("no array".to_owned(), |shard| format!("shard {shard}"));
            format!("{shard} from {}", taken.from)
        };
        let (first, second) = (said(first), said(other));
        return Err(Error::Usage(format!(
            "--shard auto: two schedulers disagree: {first}, and {second}; name the shard with --shard i/n"
        )));
    }
    if let (None, Some(n)) = (first.shard, shards.filter(|&n| n > 1)) {
        return Err(Error::Usage(format!(
            "--shards {n}: this job is no array of {}; give the shard with --shard i/{n}",
            first.from
        )));
    }
    Ok(first.clone())
}

/// The shard of a task of a Slurm array or of `srun`; `None` elsewhere
///
/// # Errors
/// As [`auto_shard`].
pub fn slurm_shard(environment: &Environment) -> Result<Option<Taken>> {
    Ok(SLURM.taken(environment, None)?.filter(|taken| taken.shard.is_some()))
}

/// What to type if the shard seems to come from a resubmitted part of an array; `None` if it fits the sweep's folder
///
/// # Errors
/// If the folder can't be read.
pub fn submitted_again(taken: &Taken, sweep: &Path) -> Result<Option<String>> {
    let Some(shard) = taken.shard else { return Ok(None) };
    let there = if sweep.is_dir() { plans(sweep)? } else { Vec::new() };
    let counts: Vec<usize> = there.into_iter().filter_map(|(there, _)| Some(there?.count)).collect();
    Ok(match counts.first() {
        Some(&n) if !counts.contains(&shard.count) => {
            let said = alone(&taken.from, taken.task.min(n - 1), &n.to_string());
            Some(format!("{} has shards of {n}: {said}", crate::error::shown(sweep)))
        }
        None if shard.count == 1 && taken.task > 1 => Some(alone(&taken.from, taken.task, "n")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables from `NAME=VALUE NAME=VALUE`
    fn environment(variables: &str) -> Environment {
        let pairs = variables.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn auto(variables: &str, shards: Option<usize>) -> std::result::Result<String, String> {
        let taken = auto_shard(&environment(variables), shards).map_err(|e| e.to_string())?;
        Ok(taken.shard.map_or("none".to_owned(), |shard| shard.to_string()))
    }

    #[test]
    fn every_scheduler_gives_index_and_count() {
        for (variables, shard) in [
            ("SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=3", "2/3"),
            (
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=3",
                "0/3",
            ),
            (
                "SLURM_ARRAY_TASK_ID=10 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=2 SLURM_ARRAY_TASK_MAX=13 \
                 SLURM_ARRAY_TASK_STEP=4",
                "2/3",
            ),
            ("SLURM_JOB_ID=7 SLURM_STEP_ID=0 SLURM_PROCID=3 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4", "3/4"),
            (
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2 SLURM_STEP_ID=0 SLURM_JOB_ID=7 SLURM_PROCID=2 SLURM_NTASKS=3",
                "5/6",
            ),
            // A batch script runs once, whatever its number of tasks.
            (
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2 SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_NTASKS=3",
                "1/2",
            ),
            ("SLURM_JOB_ID=7", "none"),
            ("LSB_JOBINDEX=3 LSB_JOBINDEX_END=9 LSB_JOBINDEX_STEP=2", "1/5"),
            ("LSB_JOBINDEX=8 LSB_JOBINDEX_END=8", "7/8"),
            ("LSB_JOBINDEX=0 LSB_JOBINDEX_END=0 LSB_JOBINDEX_STEP=0", "none"),
            ("SGE_TASK_ID=7 SGE_TASK_FIRST=3 SGE_TASK_LAST=9 SGE_TASK_STEPSIZE=2", "2/4"),
            ("SGE_TASK_ID=undefined SGE_TASK_FIRST=undefined SGE_TASK_LAST=undefined", "none"),
            ("AWS_BATCH_JOB_ID=a AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=2", "0/2"),
            ("BATCH_TASK_INDEX=5 BATCH_TASK_COUNT=6", "5/6"),
            ("GITLAB_CI=true CI_NODE_INDEX=1 CI_NODE_TOTAL=4", "0/4"),
            ("GITLAB_CI=true CI_NODE_TOTAL=1", "none"),
            ("CIRCLECI=true CIRCLE_NODE_INDEX=3 CIRCLE_NODE_TOTAL=4", "3/4"),
        ] {
            assert_eq!(auto(variables, None).as_deref(), Ok(shard), "{variables}");
        }
    }

    #[test]
    fn a_count_that_the_scheduler_does_not_give_comes_from_the_command_line() {
        for id in [
            "PBS_ARRAY_INDEX",
            "PBS_ARRAYID",
            "JOB_COMPLETION_INDEX",
            "AWS_BATCH_JOB_ARRAY_INDEX",
            "SLURM_ARRAY_TASK_ID",
        ] {
            assert_eq!(auto(&format!("{id}=2"), Some(4)).as_deref(), Ok("2/4"), "{id}");
            let missing = auto(&format!("{id}=2"), None).unwrap_err();
            assert!(missing.contains(id) && missing.contains("--shards N"), "{missing}");
            assert!(auto(&format!("{id}=4"), Some(4)).unwrap_err().contains("from 0 to 3"), "{id}");
        }
        assert_eq!(auto("LSB_JOBINDEX=4", Some(4)).as_deref(), Ok("3/4"));
        assert_eq!(auto("BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=3", Some(3)).as_deref(), Ok("1/3"));
        let other = auto("BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=3", Some(4)).unwrap_err();
        assert!(other.contains("--shards is 4, but there are 3"), "{other}");
    }

    #[test]
    fn variables_that_do_not_fit_are_refused_by_their_names() {
        for (variables, message) in [
            ("", "no scheduler"),
            ("SLURM_ARRAY_TASK_ID=1", "SLURM_ARRAY_TASK_COUNT is missing"),
            ("SLURM_ARRAY_TASK_COUNT=3", "SLURM_ARRAY_TASK_ID is missing"),
            ("SLURM_ARRAY_TASK_ID=x SLURM_ARRAY_TASK_COUNT=3", "SLURM_ARRAY_TASK_ID is `x`"),
            ("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=3", "from 0 to 2"),
            ("SLURM_ARRAY_TASK_ID=-1 SLURM_ARRAY_TASK_COUNT=3", "`-1`"),
            ("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=0", "SLURM_ARRAY_TASK_ID is 1"),
            (
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=3",
                "has gaps",
            ),
            ("SLURM_PROCID=3", "SLURM_NTASKS is missing"),
            ("SLURM_PROCID=4 SLURM_NTASKS=4", "below SLURM_NTASKS"),
            ("CI_NODE_INDEX=0 CI_NODE_TOTAL=4", "from 1 to 4"),
            ("CI_NODE_TOTAL=4", "CI_NODE_INDEX is missing"),
            ("SGE_TASK_ID=4 SGE_TASK_FIRST=1 SGE_TASK_LAST=9 SGE_TASK_STEPSIZE=2", "in steps of 2"),
        ] {
            let error = auto(variables, None).unwrap_err();
            assert!(error.contains(message), "{variables}: {error}");
        }
        let lone = auto("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=1", Some(4)).unwrap_err();
        assert!(lone.contains("--shard 3/4"), "{lone}");
        assert!(auto("SLURM_JOB_ID=1", Some(4)).unwrap_err().contains("no array of Slurm"));
    }

    #[test]
    fn a_task_that_is_submitted_again_alone_is_told_its_shard() {
        let folder = tempfile::tempdir().unwrap();
        let sweep = folder.path().join("s");
        let said = |variables: &str| {
            let taken = slurm_shard(&environment(variables)).unwrap().unwrap();
            submitted_again(&taken, &sweep).unwrap()
        };
        let lone =
            "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=3";
        let part =
            "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=2 SLURM_ARRAY_TASK_MAX=3";
        let single = "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=1";
        assert!(said(lone).unwrap().contains("--shard 3/n --resume"));
        assert_eq!((said(part), said(single)), (None, None));
        std::fs::create_dir(&sweep).unwrap();
        std::fs::write(sweep.join("shard-0-of-4.plan.toml"), "").unwrap();
        assert!(said(lone).unwrap().contains("type --shard 3/4 --resume"));
        assert!(said(part).unwrap().contains("type --shard 3/4 --resume"));
        assert!(said(single).unwrap().contains("type --shard 1/4 --resume"));
        assert_eq!(said("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4"), None);
    }

    #[test]
    fn two_schedulers_may_agree_but_not_disagree() {
        let pair = |index| format!("BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=4 JOB_COMPLETION_INDEX={index}");
        assert_eq!(auto(&pair(1), Some(4)).as_deref(), Ok("1/4"));
        let error = auto(&pair(2), Some(4)).unwrap_err();
        assert!(error.contains("2/4 from") || error.contains("shard 1/4 from Google Batch"), "{error}");
        assert!(error.contains("disagree") && error.contains("JOB_COMPLETION_INDEX=2"), "{error}");
        // An array of one task is what CircleCI gives every job.
        let one = "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=1";
        assert_eq!(auto(&format!("{one} BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=4"), None).as_deref(), Ok("1/4"));
        assert_eq!(auto(one, None).as_deref(), Ok("0/1"));
    }

    #[test]
    fn without_a_flag_only_slurm_counts_and_what_was_taken_is_shown() {
        let slurm = |variables: &str| slurm_shard(&environment(variables)).unwrap();
        assert_eq!(slurm("BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=4"), None);
        assert_eq!(slurm("SLURM_JOB_ID=7"), None);
        let taken = slurm("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=4").unwrap();
        assert_eq!(taken.from, "Slurm (SLURM_ARRAY_TASK_ID=1, SLURM_ARRAY_TASK_COUNT=4)");
        assert!(slurm_shard(&environment("SLURM_ARRAY_TASK_ID=1")).is_err());
    }
}
