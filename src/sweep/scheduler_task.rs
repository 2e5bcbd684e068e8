//! What the variables of one scheduler say about the task that it runs

use std::collections::BTreeMap;

use super::scheduler::{SLURM, Scheduler};
use super::shard::Shard;
use crate::error::{Error, Result};

/// Environment variables by their names
pub type Environment = BTreeMap<String, String>;

/// The shard of a task, and the variables from which it was taken
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The shard; `None` in a job that is no array
    pub shard: Option<Shard>,
    /// The number of this task, less the number with which the scheduler's arrays usually begin
    pub task: usize,
    /// The scheduler with its variables, as `Slurm (SLURM_ARRAY_TASK_ID=3, …)`
    pub from: String,
}

/// The variables of a scheduler that were read, for messages
struct Read<'a> {
    environment: &'a Environment,
    shown: Vec<String>,
}

impl<'a> Read<'a> {
    /// The text of a variable; `None` if it is not set, or empty
    fn text(&mut self, name: &str) -> Option<&'a str> {
        let text = self.environment.get(name)?.trim();
        if text.is_empty() {
            return None;
        }
        self.shown.push(format!("{name}={text}"));
        Some(text)
    }

    /// The whole number in a variable
    fn number(&mut self, name: &str) -> Result<Option<usize>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text
            .parse()
            .map_err(|_| refused(format!("{name} is `{}`, expected a whole number", text.escape_debug())))?;
        Ok(Some(number))
    }
}

/// An error about the variables, with what to type instead
fn refused(problem: String) -> Error {
    Error::Usage(format!("{problem}; --shard i/n names the shard instead, --shard 0/1 the whole sweep"))
}

impl Scheduler {
    /// The shard by this scheduler's variables; `None` if it does not run this process
    pub fn taken(&self, environment: &Environment, shards: Option<usize>) -> Result<Option<Taken>> {
        let mut read = Read { environment, shown: Vec::new() };
        let mut shard = self.array(&mut read, shards)?;
        if self.name == SLURM.name {
            shard = with_ranks(shard, &mut read)?;
        }
        if let (Some(shard), Some(n)) = (shard, shards)
            && shard.count != n
        {
            let (from, count) = (self.from(&read), shard.count);
            return Err(refused(format!("--shards is {n}, but there are {count} tasks by {from}")));
        }
        let runs = shard.is_some() || !read.shown.is_empty() || environment.contains_key(self.job);
        let id =
            Read { environment, shown: Vec::new() }.text(self.id).and_then(|id| id.parse::<usize>().ok());
        let task = id.unwrap_or(self.base).saturating_sub(self.base);
        Ok(runs.then(|| Taken { shard, task, from: self.from(&read) }))
    }

    /// The scheduler with the variables that were read, for messages
    fn from(&self, read: &Read<'_>) -> String {
        let variables = read.shown.join(", ");
        if variables.is_empty() { self.name.to_owned() } else { format!("{} ({variables})", self.name) }
    }

    /// The place of this task in its array; `None` if there is no array
    fn array(&self, read: &mut Read<'_>, shards: Option<usize>) -> Result<Option<Shard>> {
        let Self { id: id_name, count: count_name, option, .. } = *self;
        match read.text(id_name) {
            None => {
                // GitLab gives every job a count, which is 1 outside an array.
                return match read.text(count_name) {
                    None | Some("1") => Ok(None),
                    Some(n) => Err(refused(format!("{count_name} is {n}, but {id_name} is missing"))),
                };
            }
            Some(text) if text == self.no_array => return Ok(None),
            Some(_) => read.shown.clear(),
        }
        let Some(id) = read.number(id_name)? else { return Ok(None) };
        let step = read.number(self.step)?.unwrap_or(1).max(1);
        // Without a variable for it, the first number is the smallest that the step allows.
        let lowest = self.base + id.saturating_sub(self.base) % step;
        let first = read.number(self.first)?.unwrap_or(lowest);
        let last = read.number(self.last)?;
        let spanned = last.map(|last| last.saturating_sub(first) / step + 1);
        let count = match read.number(count_name)? {
            Some(count) => Some(count),
            None if count_name.is_empty() => spanned.or(shards),
            None => shards,
        };
        let Some(count) = count else {
            let missing = match count_name {
                "" => format!("{} does not give the number of tasks", self.name),
                name => format!("{name} is missing"),
            };
            return Err(Error::Usage(format!(
                "{id_name} is {id}, but {missing}; give it with --shard auto --shards N, or name the shard with --shard i/n"
            )));
        };
        if let (1, Some(n)) = (count, shards.filter(|&n| n > 1)) {
            return Err(Error::Usage(alone(&self.from(read), id.saturating_sub(self.base), &n.to_string())));
        }
        if spanned.is_some_and(|spanned| spanned != count) {
            let from = self.from(read);
            return Err(refused(format!(
                "the array has gaps: {count} tasks by {from}; number it as {option}"
            )));
        }
        let index = id.checked_sub(first).filter(|offset| offset % step == 0).map(|offset| offset / step);
        let shard = index.filter(|&index| index < count).map(|index| Shard { index, count });
        let expected = || {
            let stepped = if step > 1 { format!(" in steps of {step}") } else { String::new() };
            let end = first.saturating_add(count.saturating_sub(1).saturating_mul(step));
            refused(format!(
                "{id_name} is {id}, expected a number from {first} to {end}{stepped}; number the array as {option}"
            ))
        };
        shard.map(Some).ok_or_else(expected)
    }
}

/// Divides the shard of a Slurm task among the processes that `srun` started in it
fn with_ranks(shard: Option<Shard>, read: &mut Read<'_>) -> Result<Option<Shard>> {
    let mut silent = Read { environment: read.environment, shown: Vec::new() };
    let (rank_name, name) = ("SLURM_PROCID", "SLURM_NTASKS");
    let rank = silent.number(rank_name)?.unwrap_or(0);
    let tasks = match silent.number("SLURM_STEP_NUM_TASKS")? {
        Some(tasks) => Some(tasks),
        None => silent.number(name)?,
    };
    // In a batch script the variables describe the whole job, though the script runs once.
    let is_script = rank == 0 && silent.text("SLURM_STEP_ID").is_none() && silent.text(SLURM.job).is_some();
    let tasks = match tasks {
        None if rank > 0 => return Err(refused(format!("{rank_name} is {rank}, but {name} is missing"))),
        Some(tasks) if tasks > 1 && !is_script => tasks,
        _ => return Ok(shard),
    };
    if rank >= tasks {
        return Err(refused(format!(
            "{rank_name} is {rank}, expected a number below {name}, which is {tasks}"
        )));
    }
    read.shown.extend([format!("{rank_name}={rank}"), format!("{name}={tasks}")]);
    let Shard { index, count } = shard.unwrap_or(Shard { index: 0, count: 1 });
    let too_many = || refused(format!("{count} array tasks of {tasks} processes each are too many"));
    let count = count.checked_mul(tasks).ok_or_else(too_many)?;
    Ok(Some(Shard { index: index * tasks + rank, count }))
}

/// The message for a task that seems to be submitted again without the rest of its array
pub fn alone(from: &str, task: usize, n: &str) -> String {
    format!(
        "this array is a part of the sweep's, by {from}; to run this task again, type --shard {task}/{n} --resume, where i/n \
         counts from 0 to n - 1; --shard 0/1 runs the whole sweep"
    )
}
