//! `incidentd completion` and `incidentd man`: files that packages ship, made of the arguments.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::failure::Failure;
use super::{Cli, print};

/// The arguments of `completion`.
#[derive(Clone, Debug, Args)]
pub struct Completion {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completion of a shell.
///
/// # Errors
/// When it cannot be made, which the tests rule out.
pub fn completion(args: &Completion) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "incidentd", &mut text);
    show(text)
}

/// Prints the manual page: the program, then every command with its options.
///
/// # Errors
/// When it cannot be made, which the tests rule out.
pub fn man() -> Result<(), Failure> {
    let mut program = Cli::command();
    program.build();
    let mut text = Vec::new();
    let parts = page(&program, &mut text).and_then(|()| commands(&program, "incidentd", &mut text));
    parts.map_err(|error| Failure::Findings(format!("the manual page cannot be made: {error}")))?;
    show(text)
}

/// Writes what holds for every command. Not: clap's list of commands, which names a page for each.
fn page(program: &clap::Command, into: &mut Vec<u8>) -> std::io::Result<()> {
    let page = clap_mangen::Man::new(program.clone());
    page.render_title(into)?;
    page.render_name_section(into)?;
    page.render_synopsis_section(into)?;
    page.render_description_section(into)?;
    page.render_options_section(into)
}

/// Writes a section for each command below `of`.
fn commands(of: &clap::Command, path: &str, into: &mut Vec<u8>) -> std::io::Result<()> {
    for command in of.get_subcommands().filter(|command| command.get_name() != "help") {
        let path = format!("{path} {}", command.get_name());
        let mut section = Vec::new();
        let page = clap_mangen::Man::new(command.clone());
        page.render_description_section(&mut section)?;
        let own = |arg: &&clap::Arg| !arg.is_global_set() && arg.get_id() != "help";
        if command.get_arguments().any(|arg| own(&arg)) {
            page.render_options_section(&mut section)?;
        }
        // One level deeper: these are parts of a command's section, not of the page.
        let section = String::from_utf8_lossy(&section).replace(".SH DESCRIPTION", "");
        into.extend(format!(".SH \"{}\"\n", path.to_uppercase()).as_bytes());
        into.extend(section.replace(".SH OPTIONS", ".SS Options").trim().as_bytes());
        into.push(b'\n');
        commands(command, &path, into)?;
    }
    Ok(())
}

fn show(text: Vec<u8>) -> Result<(), Failure> {
    let text = String::from_utf8(text).map_err(|error| Failure::Findings(error.to_string()))?;
    print::data(text.trim_end());
    Ok(())
}
