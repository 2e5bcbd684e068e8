//! What to type instead of a command line that is wrong

use std::ffi::OsString;

use chainrule::error::{printable, printable_lines, shell_quoted};
use chainrule::sweep::Axis;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::command::command;
use super::standard::is_standard;
use super::{DONE, FAILED, USAGE, is_closed, note};

/// Flags that other programs have: their names, and what this program has instead
const ELSEWHERE: [(&[&str], &str); 18] = [
    (
        &["optim", "adam", "adamw", "sgd", "rmsprop"],
        "the optimizer is --optimizer sgd, with --momentum, or --optimizer adamw",
    ),
    (
        &["l1", "regularization", "drop", "dropout-rate"],
        "there is no L1 penalty; to regularize, type --weight-decay 1e-4 or --dropout 0.2",
    ),
    (&["batch-norm", "batchnorm", "layer-norm", "layernorm"], "norms are --norm batch and --norm layer"),
    (&["l2", "wd", "decay"], "the L2 penalty is --weight-decay LAMBDA"),
    (&["lr", "eta", "rate", "step-size", "alpha"], "the step size is --learning-rate ETA"),
    (
        &[
            "hidden",
            "layers",
            "hidden-size",
            "hidden-sizes",
            "hidden-layers",
            "units",
            "width",
            "net",
            "arch",
        ],
        "hidden layers are given by their widths: --hidden-dims 128 64",
    ),
    (
        &["hidden-dim", "num-layers", "depth"],
        "one net has --hidden-dims, such as --hidden-dims 128 128; to compare several, type chainrule sweep hidden_dim, \
         or chainrule sweep num_layers",
    ),
    (&["batch", "bs", "minibatch"], "the size of a batch is --batch-size N"),
    (&["epoch", "iterations", "num-epochs", "steps", "n-epochs"], "the number of passes is --epochs N"),
    (&["workers", "num-threads", "cpus", "cores", "nthreads"], "the number of threads is --threads N"),
    (&["gpu", "device", "cuda", "mps"], "training runs on the CPU; set --threads N"),
    (&["output", "output-dir", "out-dir", "logdir", "save"], "the folder of the results is --out DIR"),
    (&["name", "id", "run-name", "experiment"], "the name of a run is --run-id NAME"),
    (&["validation", "validation-split", "valid", "val"], "samples are held out by --val-split 0.1"),
    (&["dataset", "input", "data-dir", "data-path"], "the data are named by --data DIR"),
    (
        &["scheduler", "lr-schedule", "lr-scheduler", "cosine", "one-cycle", "warmup-epochs"],
        "learning rates follow --schedule constant, step, cosine, linear or one-cycle, after --warmup EPOCHS",
    ),
    (
        &["early-stopping"],
        "a run stops early with --patience N, and keeps the model of its best epoch with --keep best",
    ),
    (
        &["loss", "criterion"],
        "the loss is softmax cross-entropy, always, in nats (units of the natural logarithm)",
    ),
];

/// Prints the help that was asked for, or what is wrong with a command line and what to type; returns the exit code
pub fn report(error: &clap::Error, args: &[OsString]) -> u8 {
    if !error.use_stderr() {
        return match error.print() {
            Err(problem) if !is_closed(&problem) => FAILED,
            _ => DONE,
        };
    }
    let args: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    if let Some(sentence) = sentence(error, &args) {
        note(&format!("error: {sentence}"));
    } else if args.iter().any(|arg| printable(arg) != *arg) {
        note(printable_lines(error.render().to_string().trim_end()).as_ref());
    } else {
        // A terminal that can't be written to is ignored.
        error.print().unwrap_or_default();
    }
    USAGE
}

/// What is wrong, and what to type; `None` where clap's own message says both
fn sentence(error: &clap::Error, args: &[String]) -> Option<String> {
    let known: Vec<String> = command().get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let sub = args.iter().skip(1).find(|arg| known.contains(arg)).map(String::as_str);
    match (error.kind(), sub) {
        (ErrorKind::UnknownArgument, sub) => {
            let found = context(ContextKind::InvalidArg)?;
            match found.strip_prefix("--") {
                Some(flag) => unknown_flag(flag.split('=').next()?, sub, args),
                None => unknown_word(&found, sub?),
            }
        }
        (ErrorKind::InvalidSubcommand, _) => {
            let found = context(ContextKind::InvalidSubcommand)?;
            let name = found.replace('-', "_");
            is_standard(&name).then(|| {
                format!("`{found}` is a sweep, not a command; type: chainrule sweep {name}")
            })
        }
        (ErrorKind::MissingRequiredArgument, Some("completions")) => Some(
            "which shell? Type: chainrule completions bash, or zsh, fish, powershell, elvish; README.md, section \
             Install, says where the output belongs"
                .to_owned(),
        ),
        (ErrorKind::MissingRequiredArgument, Some("man")) => {
            Some("into which folder? Type: chainrule man ~/.local/share/man/man1".to_owned())
        }
        (ErrorKind::MissingRequiredArgument, Some("export")) => Some(
            "which model, and into which file? Type: chainrule export MODEL --onnx FILE.onnx, or --npz FILE.npz, or --c \
             FILE.h, or several of them"
                .to_owned(),
        ),
        _ => None,
    }
}

fn unknown_flag(flag: &str, sub: Option<&str>, args: &[String]) -> Option<String> {
    let Some(sub) = sub else {
        let owner = owners(flag).into_iter().next().unwrap_or_else(|| "train".to_owned());
        let given: Vec<String> = args.iter().skip(1).map(shell_quoted).collect();
        return Some(format!(
            "--{} is a flag of a command, which comes first. Type: chainrule {owner} {}",
            printable(flag),
            given.join(" ")
        ));
    };
    if flag == "sweep" {
        let at = args.iter().position(|arg| arg.starts_with("--sweep"))?;
        let value = args[at].split_once('=').map(|(_, value)| value.to_owned());
        let value = value.or_else(|| args.get(at + 1).cloned()).unwrap_or_default().replace('-', "_");
        let what = if is_standard(&value) { value.as_str() } else { "hidden_dim" };
        return Some(format!(
            "`{sub}` has no flag --sweep: sweeps are a command of their own. Type: chainrule sweep {what}, or for values of \
             your own: chainrule sweep --grid {}",
            Axis::example(what)?
        ));
    }
    if let Some((_, sentence)) = ELSEWHERE.iter().find(|(names, _)| names.contains(&flag)) {
        return Some(format!("`{sub}` has no flag --{flag}: {sentence}"));
    }
    let owners = owners(flag);
    let owner = owners.first()?;
    Some(format!(
        "`{sub}` has no flag --{flag}, but `{owner}` has; see chainrule {sub} --help and chainrule {owner} --help"
    ))
}

/// The subcommands that have a flag
fn owners(flag: &str) -> Vec<String> {
    let command = command();
    let has = |sub: &&clap::Command| sub.get_arguments().any(|arg| arg.get_long() == Some(flag));
    command.get_subcommands().filter(has).map(|sub| sub.get_name().to_owned()).collect()
}

fn unknown_word(word: &str, sub: &str) -> Option<String> {
    let name = word.replace('-', "_");
    match sub {
        "sweep" if word.contains('=') => Some(format!(
            "`{}` is an axis without its flag; type: chainrule sweep --grid {}",
            printable(word),
            shell_quoted(word)
        )),
        "train" if is_standard(&name) => {
            Some(format!("`train` trains one net; to vary {name}, type: chainrule sweep {name}"))
        }
        "train" if std::path::Path::new(word).is_dir() => Some(format!(
            "`train` takes its data by a flag; type: chainrule train --data {}",
            shell_quoted(word)
        )),
        _ => None,
    }
}
