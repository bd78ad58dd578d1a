// What the admin thread looks at every second, and says when it changes: backends, resolvers, witnesses,
// files.
#include <algorithm>
#include <boost/asio/post.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gateway/app.hpp"

namespace gatepost::gateway {

using telemetry::Level;

namespace {

constexpr base::Millis witness_interval{30 * 60 * 1000};

/// Notes whether something is well; true if that is news.
bool changed(std::map<std::string, bool>& known, const std::string& name, bool well) {
  const auto entry = known.try_emplace(name, true).first;
  return std::exchange(entry->second, well) != well;
}

}  // namespace

void App::watch_backends() {
  for (const auto& [name, route] : snapshot_->routes) {
    for (const auto& server : route->servers) {
      const bool up = !server->breaker.open();
      if (!changed(was_well_, "backend " + server->address.to_string(), up)) continue;
      notice(up ? Level::info : Level::error, "backend",
             fmt::format("{} is {}{}", server->address.to_string(),
                         up ? "up again" : "down: ", up ? "" : server->last_failure()));
    }
  }
}

void App::watch_resolvers() {
  for (const auto& server : resolvers_->servers()) {
    const bool up = server->up();
    if (!changed(was_well_, "resolver " + server->name, up)) continue;
    notice(
        up ? Level::info : Level::error, "resolver",
        up ? server->name + " answers again" : server->name + " does not answer: " + server->last_failure());
  }
}

std::vector<std::string> App::witness_names() const {
  std::vector<std::string> names{std::string(resolver_witness_name)};
  for (const auto& witness : snapshot_->pipeline->witnesses()) names.push_back(witness->name);
  return names;
}

void App::watch_witnesses() {
  for (const auto& name : witness_names()) {
    const auto state = witnesses_.of(name);
    const bool trusted = !state->suspended();
    if (!changed(was_well_, "witness " + name, trusted)) continue;
    notice(trusted ? Level::info : Level::error, "dns",
           trusted ? name + " can be trusted again"
                   : fmt::format(
                         "{} is not to be trusted, and refuses nothing until it recovers: {} (resolver {})",
                         name, state->why(), resolvers_in_words()));
  }
}

void App::examine_witnesses() {
  auto& worker = *workers_.front();
  net::asio::post(worker.io(), [&worker] { worker.examine_witnesses(witness_interval); });
}

std::string App::resolvers_in_words() const {
  std::vector<std::string> names;
  for (const auto& server : resolvers_->servers()) names.push_back(server->name);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Said once: it goes on as long as somebody wants it to.
void App::watch_slowed() {
  if (warned_of_slowed_ || held_back_.skipped() == 0) return;
  warned_of_slowed_ = true;
  notice(Level::warning, "slowed",
         fmt::format("more than {} sessions were to be held back at the same time (smtp.max_slowed); those "
                     "beyond are answered at once",
                     snapshot_->config.options.smtp.protocol.max_slowed));
}

/// Files of checks are read again when they have changed and then stayed the same for a second. A bad one
/// changes nothing.
void App::watch_files() {
  if (std::exchange(files_of_, snapshot_) != snapshot_) {
    read_files_ = snapshot_->pipeline->files();
    checks_error_.clear();
  }
  base::FileStamps now;
  for (const auto& [file, stamp] : read_files_) now[file] = base::stamp_of(file);
  const bool quiet = now == std::exchange(seen_files_, now);
  if (!quiet || now == read_files_) return;
  read_files_ = std::move(now);
  read_checks_again();
}

void App::read_checks_again() {
  std::vector<ConfigProblem> mistakes;
  auto made = snapshot_->with_checks_again(mistakes);
  for (const auto& mistake : mistakes) notice(Level::error, "reload", mistake.to_string());
  if (!made) {
    checks_error_ = mistakes.front().to_string();
    return notice(Level::error, "reload", "the files of the checks have errors; the old ones stay");
  }
  apply(std::move(made));
  notice(Level::info, "reload", "the files of the checks were read again");
}

}  // namespace gatepost::gateway
