//! The schedulers whose tasks know their number, and the variables that they set
//!
//! To add a scheduler, add a row to [`SCHEDULERS`] and a line to docs/sweeps.md.

/// The variables of one scheduler; the name is empty where it has none
pub struct Scheduler {
    /// Its name
    pub name: &'static str,
    /// Set in every job, also outside an array
    pub job: &'static str,
    /// The number of a task
    pub id: &'static str,
    /// The number of tasks
    pub count: &'static str,
    /// The number of the first task
    pub first: &'static str,
    /// The number of the first task, if no variable holds it
    pub base: usize,
    /// The number of the last task
    pub last: &'static str,
    /// The difference between the numbers of two neighbouring tasks
    pub step: &'static str,
    /// The value of `id` outside an array
    pub no_array: &'static str,
    /// The option that numbers an array as `--shard auto` expects it
    pub option: &'static str,
}

/// A row without variables
const BLANK: Scheduler = Scheduler {
    name: "",
    job: "",
    id: "",
    count: "",
    first: "",
    base: 0,
    last: "",
    step: "",
    no_array: "",
    option: "",
};

/// Slurm, whose variables are also read without `--shard`
pub const SLURM: Scheduler = Scheduler {
    name: "Slurm",
    job: "SLURM_JOB_ID",
    id: "SLURM_ARRAY_TASK_ID",
    count: "SLURM_ARRAY_TASK_COUNT",
    first: "SLURM_ARRAY_TASK_MIN",
    last: "SLURM_ARRAY_TASK_MAX",
    step: "SLURM_ARRAY_TASK_STEP",
    option: "sbatch --array=0-7",
    ..BLANK
};

/// The schedulers that `--shard auto` knows
pub const SCHEDULERS: [Scheduler; 10] = [
    SLURM,
    // PBS Professional and OpenPBS
    Scheduler { name: "PBS", job: "PBS_JOBID", id: "PBS_ARRAY_INDEX", option: "qsub -J 0-7", ..BLANK },
    Scheduler { name: "Torque", job: "PBS_JOBID", id: "PBS_ARRAYID", option: "qsub -t 0-7", ..BLANK },
    Scheduler {
        name: "LSF",
        job: "LSB_JOBID",
        id: "LSB_JOBINDEX",
        base: 1,
        last: "LSB_JOBINDEX_END",
        step: "LSB_JOBINDEX_STEP",
        no_array: "0",
        option: "bsub -J 'name[1-8]'",
        ..BLANK
    },
    Scheduler {
        name: "Grid Engine",
        id: "SGE_TASK_ID",
        first: "SGE_TASK_FIRST",
        base: 1,
        last: "SGE_TASK_LAST",
        step: "SGE_TASK_STEPSIZE",
        no_array: "undefined",
        option: "qsub -t 1-8",
        ..BLANK
    },
    Scheduler { name: "Kubernetes", id: "JOB_COMPLETION_INDEX", option: "completionMode: Indexed", ..BLANK },
    Scheduler {
        name: "AWS Batch",
        job: "AWS_BATCH_JOB_ID",
        id: "AWS_BATCH_JOB_ARRAY_INDEX",
        count: "AWS_BATCH_JOB_ARRAY_SIZE",
        option: "--array-properties size=8",
        ..BLANK
    },
    Scheduler {
        name: "Google Batch",
        id: "BATCH_TASK_INDEX",
        count: "BATCH_TASK_COUNT",
        option: "taskCount: 8",
        ..BLANK
    },
    Scheduler {
        name: "GitLab",
        job: "GITLAB_CI",
        id: "CI_NODE_INDEX",
        count: "CI_NODE_TOTAL",
        base: 1,
        option: "parallel: 8",
        ..BLANK
    },
    Scheduler {
        name: "CircleCI",
        job: "CIRCLECI",
        id: "CIRCLE_NODE_INDEX",
        count: "CIRCLE_NODE_TOTAL",
        option: "parallelism: 8",
        ..BLANK
    },
];
