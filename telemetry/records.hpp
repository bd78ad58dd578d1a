// Events as log lines.
#pragma once

#include <string>

#include "telemetry/event.hpp"
#include "telemetry/json.hpp"

namespace gatepost::telemetry {

/// Appends one line, JSON or text.
void append_line(std::string& out, RecordWriter::Form form, const TransactionEnded& event);
void append_line(std::string& out, RecordWriter::Form form, const SessionClosed& event);
void append_line(std::string& out, RecordWriter::Form form, const Notice& event);

/// "2026-11-20T22:30:00.123Z"
std::string format_time(base::WallTime when);
void append_time(std::string& out, base::WallTime when);

}  // namespace gatepost::telemetry
