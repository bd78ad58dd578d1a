// The command line. Only this file knows CLI11.
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "core/base/text.hpp"
#include "gateway/app.hpp"
#include "gateway/config.hpp"
#include "gateway/explain.hpp"
#include "gateway/health.hpp"
#include "gateway/sink.hpp"
#include "gateway/snapshot.hpp"
#include "gateway/spf_command.hpp"
#include "gateway/state_command.hpp"
#include "gateway/state_file.hpp"
#include "gateway/version.hpp"
#include "webui/server.hpp"

namespace {

using namespace gatepost;
using namespace gatepost::gateway;

constexpr const char* default_config = "/etc/gatepost/gatepost.toml";

void print(const std::vector<ConfigProblem>& problems) {
  for (const auto& problem : problems) std::fprintf(stderr, "%s\n", problem.to_string().c_str());
}

int run(const std::string& path) {
  auto config = read_config(path);
  if (config.has_errors()) {
    print(config.problems);
    return 1;
  }
  return App(path, std::move(config)).run();
}

int check(const std::string& path) {
  auto config = read_config(path);
  ServerRegistry servers;
  // All mistakes at once: those in the files it names, too.
  const auto snapshot = Snapshot::build(config, servers, false);
  const auto& problems = snapshot ? snapshot->config.problems : config.problems;
  print(problems);
  if (!snapshot) return 1;
  const auto trouble = trouble_with_state_file(snapshot->config.options);
  if (trouble)
    std::fprintf(stderr, "%s: warning: %s; the gateway would run without what it remembered\n", path.c_str(),
                 trouble->c_str());
  std::printf("%s: ok%s\n", path.c_str(), problems.empty() && !trouble ? "" : ", with warnings");
  return 0;
}

int show_config(const std::string& path, bool reference) {
  if (reference) {
    std::fputs(config_reference().c_str(), stdout);
    return 0;
  }
  auto config = read_config(path);
  print(config.problems);
  std::fputs(config_dump(config.options).c_str(), stdout);
  return config.has_errors() ? 1 : 0;
}

std::string read_password() {
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  termios before{};
  if (terminal) {
    std::fputs("Password: ", stderr);
    ::tcgetattr(STDIN_FILENO, &before);
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  std::string password;
  std::getline(std::cin, password);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::fputs("\n", stderr);
  }
  return password;
}

int make_password_hash() {
  const auto password = read_password();
  if (password.size() < 8) {
    std::fputs("gatepost: a password of less than 8 characters is none\n", stderr);
    return 1;
  }
  std::printf("password_hash = \"%s\"\n", webui::password_hash(password).c_str());
  return 0;
}

template <class Parse>
void add_rules(SinkOptions& options, const std::vector<std::string>& texts, Parse parse) {
  for (const auto& text : texts) {
    auto rule = parse(text);
    if (!rule) throw CLI::ValidationError(rule.error().message);
    options.rules.push_back(std::move(*rule));
  }
}

struct SinkArguments {
  std::vector<std::string> listen{"127.0.0.1:2526"};
  std::vector<std::string> refuse;
  std::vector<std::string> delay;
  std::vector<std::string> drop;
  std::vector<std::string> without;
  SinkOptions options;

  void add_to(CLI::App& command) {
    command.add_option("--listen", listen, "addresses to take mail at, as address:port")
        ->delimiter(',')
        ->capture_default_str();
    command.add_option(
        "--store", options.store,
        "directory to write each message to, as NNNNNN.eml and NNNNNN.env; without it they are thrown away");
    command.add_option("--hostname", options.hostname, "name in the banner")->capture_default_str();
    command.add_option("--refuse", refuse,
                       "STAGE[:PATTERN]=REPLY, e.g. \"rcpt:bad@*=550 5.1.1 no such user\"; stages: connect "
                       "helo mail rcpt message");
    command.add_option("--delay", delay, "STAGE[:PATTERN]=TIME, e.g. message=30s");
    command.add_option("--drop", drop, "STAGE[:PATTERN]: say 421 and close there");
    command.add_option("--without", without, "extensions not to offer, e.g. CHUNKING,PIPELINING")
        ->delimiter(',');
    command.add_flag("--tls", options.tls, "offer STARTTLS with a self-signed certificate");
    command.add_flag("--quiet", options.quiet, "print nothing per message");
  }

  int run() {
    for (const auto& text : listen) {
      const auto endpoint = base::Endpoint::parse(text);
      if (!endpoint) throw CLI::ValidationError("--listen: \"" + text + "\" is no address:port");
      options.listen.push_back(*endpoint);
    }
    add_rules(options, delay, parse_delay);
    add_rules(options, refuse, parse_refusal);
    add_rules(options, drop, parse_drop);
    for (const auto& name : without) {
      const auto found = std::find_if(smtp::extension_names.begin(), smtp::extension_names.end(),
                                      [&](auto known) { return base::iequals(known, name); });
      if (found == smtp::extension_names.end())
        throw CLI::ValidationError("--without: \"" + name + "\" is no extension");
      options.without.add(static_cast<smtp::Extension>(found - smtp::extension_names.begin()));
    }
    return run_sink(options);
  }
};

/// gatepost state ...
struct StateCommand {
  StateArguments arguments;

  void add_to(CLI::App& app, int& result) {
    arguments.config = default_config;
    auto* command = app.add_subcommand("state", "what the gateway remembers of clients and senders");
    command->require_subcommand(1);
    command->footer(
        "exit code 0: done, 1: nothing to do, or not done, 2: wrong arguments, 3: the memory cannot be read "
        "or "
        "changed");
    const auto add = [&](const char* name, const char* help, int (*run)(const StateArguments&)) {
      auto* sub = command->add_subcommand(name, help);
      sub->add_option("--config,-c", arguments.config, "configuration file")->capture_default_str();
      sub->callback([this, &result, run] { result = run(arguments); });
      return sub;
    };
    const auto add_match = [&](CLI::App* sub) {
      sub->add_option("--match", arguments.match,
                      "a domain, a mail address or an IP address that the name holds, or a pattern with *");
    };
    auto* list = add("list", "what is remembered, and how much of it", run_state_list);
    list->add_option("table", arguments.table, "this one only");
    add_match(list);
    list->add_option("--limit", arguments.limit, "entries listed at most; 0: all")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    list->add_flag("--json", arguments.json, "print JSON");
    auto* forget = add("forget", "forget it, in the running gateway, too", run_state_forget);
    forget->add_option("table", arguments.table, "where it is; with --match: there only");
    forget->add_option("name", arguments.names, "what it is remembered under, as `list` shows it");
    add_match(forget);
    forget->add_flag("--yes", arguments.yes, "even if more than 10 match");
    auto* write = add("export", "write it as lines of JSON", run_state_export);
    write->add_option("--table", arguments.table, "this one only");
    write->add_option("file", arguments.file, "where to (default: standard output)");
    auto* read = add("import", "take in what `export` wrote; what is there and expires no earlier stays",
                     run_state_import);
    read->add_option("file", arguments.file, "from where; -: standard input")->required();
  }
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Gatepost: a filtering SMTP proxy in front of an internal mail server");
  app.require_subcommand(1);
  app.set_version_flag("--version", "gatepost " + version());
  std::string config = default_config;
  std::string url = "http://127.0.0.1:8025/readyz";
  bool reference = false;
  bool effective = false;
  SinkArguments sink_arguments;
  ExplainArguments explain;
  SpfArguments spf;
  StateCommand state_command;
  int result = 0;

  auto* run_command = app.add_subcommand("run", "serve until SIGTERM; SIGHUP reads the configuration again");
  run_command->add_option("--config,-c", config, "configuration file")->capture_default_str();
  run_command->callback([&] { result = run(config); });

  auto* check_command = app.add_subcommand(
      "check", "look for mistakes in the configuration; exit code 0: it can be used, 1: not");
  check_command->add_option("--config,-c", config, "configuration file")->capture_default_str();
  check_command->callback([&] { result = check(config); });

  auto* config_command = app.add_subcommand("config", "print the configuration");
  config_command->add_option("--config,-c", config, "configuration file")->capture_default_str();
  auto* reference_flag =
      config_command->add_flag("--reference", reference, "every option with its help and default");
  config_command->add_flag("--effective", effective, "the options as they are, secrets redacted (default)")
      ->excludes(reference_flag);
  config_command->callback([&] { result = show_config(config, reference); });

  auto* sink_command =
      app.add_subcommand("sink", "a small SMTP server that takes all mail, for demos and tests");
  sink_arguments.add_to(*sink_command);
  sink_command->callback([&] { result = sink_arguments.run(); });

  auto* explain_command = app.add_subcommand(
      "explain", "what the checks would find of a mail, with live DNS, and what would be decided");
  explain_command->footer(
      "exit code 0: accepted, 1: refused (5xx), 2: deferred (4xx), 3: could not be asked");
  explain.config = default_config;
  explain_command->add_option("--config,-c", explain.config, "configuration file")->capture_default_str();
  explain_command->add_option("--client", explain.client, "the client's address")->required();
  explain_command->add_option("--helo", explain.helo, "what it says in EHLO (default: its address literal)");
  explain_command->add_option("--from", explain.from, "the sender; \"\" or <>: a bounce")->required();
  explain_command->add_option("--to", explain.to, "the recipient, or several")->required();
  explain_command->add_option("--message", explain.message,
                              "file with the message, for the checks that look at it");
  explain_command
      ->add_option("--dns", explain.dns, "resolver to ask instead of the configured ones, as address:port")
      ->delimiter(',');
  explain_command->add_flag("--callout", explain.callout,
                            "ask the sender's mail server, too, if sender_callout is on");
  explain_command->add_flag("--json", explain.json, "print JSON");
  explain_command->callback([&] { result = run_explain(explain); });

  auto* spf_command =
      app.add_subcommand("spf", "the SPF result for a client and a sender, and the way to it");
  spf_command->add_option("--client", spf.client, "the client's address")->required();
  spf_command->add_option("--from", spf.from, "the sender; \"\" or <>: postmaster at the HELO name");
  spf_command->add_option("--helo", spf.helo, "what the client says in EHLO");
  spf_command->add_option("--dns", spf.dns, "resolver to ask instead of the system's, as address:port")
      ->delimiter(',');
  spf_command->add_flag("--json", spf.json, "print JSON");
  spf_command->callback([&] { result = run_spf(spf); });

  state_command.add_to(app, result);

  auto* health_command = app.add_subcommand("health", "ask a running gateway how it is; exit code 0: well");
  health_command->add_option("--url", url, "what to ask")->capture_default_str();
  health_command->callback([&] { result = run_health(url); });

  auto* web_command = app.add_subcommand("web", "for the web page");
  web_command->require_subcommand(1);
  web_command->add_subcommand("passwd", "ask for a password and print its hash for web.password_hash")
      ->callback([&] { result = make_password_hash(); });

  app.add_subcommand("version", "print the version")->callback([] {
    std::printf("gatepost %s\n", version().c_str());
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (argc == 1) std::fputs(app.help().c_str(), stderr);
    const int usage = explain_command->parsed() || spf_command->parsed() ? 3 : 2;
    return app.exit(error) == 0 ? 0 : usage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gatepost: %s\n", error.what());
    return 1;
  }
  return result;
}
