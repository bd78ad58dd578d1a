// Times and sizes as the page says them. UTC throughout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "telemetry/recorder.hpp"

namespace gatepost::webui {

/// "2026-11-20 22:30:00"
std::string date_and_time(base::WallTime when);
/// The two largest units: "3 d 4 h", "5 min 12 s"; a negative one is "0 s".
std::string duration(std::chrono::system_clock::duration length);
/// The largest unit alone: "12 s ago", "5 min ago", "3 h ago", "2 d ago".
std::string age(std::chrono::system_clock::duration length);
/// "512 B", "1.5 MiB"
std::string octets(std::uint64_t count);
/// What a client does at this stage.
std::string_view words_for(smtp::Stage stage);
/// Of `whole`, rounded; 0 if there is none.
unsigned percent(std::uint64_t part, std::uint64_t whole);

}  // namespace gatepost::webui
