// Result: what a peer or an admin can cause is a value, not an exception.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace gatepost::base {

/// Why something could not be done, in words fit for an admin.
struct Failure {
  std::string message;
};

/// Called by Result::value() on a failure: a programming error, since has_value() was not asked.
[[noreturn]] inline void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::logic_error(failure.message);
}

template <class T>
using Result = boost::system::result<T, Failure>;

}  // namespace gatepost::base
