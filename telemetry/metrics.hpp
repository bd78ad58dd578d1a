// Metrics for Prometheus. No label ever holds a client's address, a sender or a recipient.
#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <functional>
#include <string>
#include <vector>

#include "telemetry/statistics.hpp"

namespace gatepost::telemetry {

/// What can be scraped and what it means: the source of docs/metrics.md, and its test.
struct MetricDescription {
  std::string_view name;
  std::string_view help;
  prometheus::MetricType type;
};
std::vector<MetricDescription> metric_descriptions();

/// Builds metrics by name; names must be in metric_descriptions().
class MetricsBuilder {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;
  void add(std::string_view name, double value, Labels labels = {});
  template <std::size_t N>
  void add_histogram(std::string_view name, const std::vector<const Histogram<N>*>& parts);
  std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  prometheus::ClientMetric& metric(std::string_view name, Labels labels);
  std::vector<prometheus::MetricFamily> families_;
};

/// Sums the recorders at each scrape; others add theirs through `more`.
class Metrics final : public prometheus::Collectable {
 public:
  Metrics(const Statistics& statistics, std::function<void(MetricsBuilder&)> more)
      : statistics_(statistics), more_(std::move(more)) {}
  std::vector<prometheus::MetricFamily> Collect() const override;
  /// The text exposition format.
  std::string text() const;

 private:
  const Statistics& statistics_;
  std::function<void(MetricsBuilder&)> more_;
};

}  // namespace gatepost::telemetry
