//! How many threads to train on, and pools of that size

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::dims::Dims;
use crate::error::{Error, Result, memory, separated};

/// Cost of one more thread in a training step, in multiply-adds: barriers, and cache lines that move between cores
///
/// Chosen by measurement for the second thread (docs/engine.md, row "one thread or two"). For more threads it is
/// the model of [`useful_threads`], not a measurement.
const THREAD_COST: f64 = (1 << 20) as f64;

/// The largest number of threads, up to `cores`, that still makes a training step faster
///
/// With n threads a step of W multiply-adds takes the time of `W / n + (n − 1) c`, where c is the cost of a thread.
/// The n-th thread helps while `W / (n (n − 1)) ≥ c`.
pub fn useful_threads(dims: &Dims, batch_size: usize, cores: usize) -> usize {
    let work = dims.step_multiply_adds() * batch_size as f64;
    let helps = |n: usize| n as f64 * (n as f64 - 1.0) * THREAD_COST <= work;
    (1..=cores).take_while(|&n| helps(n)).last().unwrap_or(1)
}

/// Variables that limit the threads of this process, in the order in which they are read; the others are set by
/// Slurm, PBS, Torque, LSF and Grid Engine for the processors of a task
const LIMITS: [&str; 6] =
    [OWN_LIMIT, "SLURM_CPUS_PER_TASK", "NCPUS", "PBS_NUM_PPN", "LSB_DJOB_NUMPROC", "NSLOTS"];
const OWN_LIMIT: &str = "CHAINRULE_THREADS";
/// The largest number of threads that `--threads` accepts
const THREADS_MAX: usize = 1024;

/// How many threads to use at most: what `CHAINRULE_THREADS` says, else the scheduler, else [`machine_cores`]
pub fn cores() -> usize {
    from_env().ok().flatten().unwrap_or_else(machine_cores)
}

/// How many threads this process can run at once, limits of a container included
pub fn machine_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The limit that an environment variable sets; `None` if none does
///
/// # Errors
/// If `CHAINRULE_THREADS` is not a number that `--threads` accepts.
pub fn from_env() -> Result<Option<usize>> {
    limit(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
}

fn limit(variable: impl Fn(&str) -> Option<String>) -> Result<Option<usize>> {
    for name in LIMITS {
        let Some(text) = variable(name).filter(|text| !text.trim().is_empty()) else { continue };
        match text.trim().parse() {
            Ok(threads @ 1..=THREADS_MAX) => return Ok(Some(threads)),
            // Another program's variable may hold anything.
            _ if name != OWN_LIMIT => {}
            _ => {
                let text = text.escape_debug();
                return Err(Error::Usage(format!(
                    "{OWN_LIMIT} is `{text}`, expected a whole number from 1 to {}; correct it, or `unset {OWN_LIMIT}`",
                    separated(THREADS_MAX)
                )));
            }
        }
    }
    Ok(None)
}

/// The warning for more threads than can run at once; `None` if they can
///
/// * `cores`: [`machine_cores`]
pub fn warning(threads: usize, cores: usize) -> Option<String> {
    let each = if cores == 1 { "core" } else { "cores" };
    let remedy = "which is slower than one for each core; lower --threads or --jobs";
    (threads > cores)
        .then(|| format!("warning: {} threads on {} {each}, {remedy}", separated(threads), separated(cores)))
}

/// A pool of `threads` threads to compute on
///
/// # Errors
/// If the system can't start them, or this process may not use the memory of their stacks.
pub fn pool(threads: usize) -> Result<ThreadPool> {
    memory::check_stacks(threads)?;
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|e| Error::Threads { threads, problem: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_variable_comes_before_the_schedulers_and_a_wrong_one_is_refused() {
        let limit = |variables: &[(&str, &str)]| {
            limit(|name| {
                variables.iter().find(|(other, _)| *other == name).map(|(_, text)| (*text).to_owned())
            })
        };
        assert_eq!(limit(&[]).unwrap(), None);
        assert_eq!(limit(&[("SLURM_CPUS_PER_TASK", "3")]).unwrap(), Some(3));
        assert_eq!(limit(&[("NSLOTS", "2"), ("CHAINRULE_THREADS", " 5 ")]).unwrap(), Some(5));
        assert_eq!(limit(&[("NCPUS", "many"), ("NSLOTS", "2"), ("CHAINRULE_THREADS", "")]).unwrap(), Some(2));
        for wrong in ["0", "x", "1.5", "-1", "1025"] {
            let error = limit(&[("CHAINRULE_THREADS", wrong), ("NSLOTS", "2")]).unwrap_err().to_string();
            assert!(error.contains("CHAINRULE_THREADS") && error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn more_threads_than_cores_are_warned_of() {
        assert_eq!(warning(2, 2), None);
        assert!(warning(3, 2).unwrap().contains("3 threads on 2 cores"));
        assert!(warning(1024, 2).unwrap().contains("1,024 threads"));
        assert!(warning(2, 1).unwrap().contains("2 threads on 1 core,"));
    }

    #[test]
    fn small_steps_stay_on_one_thread_and_large_ones_take_all() {
        let useful =
            |dims: &[usize], batch_size, cores| useful_threads(&Dims(dims.to_vec()), batch_size, cores);
        assert_eq!(useful(&[784, 32, 10], 16, 2), 1);
        assert_eq!(useful(&[784, 128, 64, 10], 64, 2), 2);
        assert_eq!(useful(&[784, 128, 64, 10], 64, 16), 4);
        assert_eq!(useful(&[784, 2048, 2048, 10], 256, 16), 16);
        assert_eq!(useful(&[usize::MAX, usize::MAX], usize::MAX, 3), 3);
        assert_eq!(useful(&[784, 10], 64, 1), 1);
    }
}
