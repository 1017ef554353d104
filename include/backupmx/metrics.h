/*
 * metrics.h - counters, gauges and histograms in Prometheus' text format.
 *
 * A metric is registered once and then changed through its pointer, which
 * holds as long as the registry. Changing values is lock-free and for any
 * thread; registering and rendering take a lock.
 */
#ifndef BACKUPMX_METRICS_H
#define BACKUPMX_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct bmx_metrics;
struct bmx_metric; /* a counter or a gauge: one number */
struct bmx_histogram;

/** Most time series a registry takes; further ones share a spare one. */
#define BMX_METRICS_SERIES_MAX ((size_t)65536)

struct bmx_metrics_label {
	const char *name;  /* [a-z_]+ */
	const char *value; /* copied; any text */
};

/** Returns a registry the caller frees, or NULL when memory is short. */
struct bmx_metrics *bmx_metrics_new(void);

/** Frees *metrics with all in it and sets it to NULL. NULL is fine. */
void bmx_metrics_free(struct bmx_metrics **metrics);

/**
 * The counter of that name and those labels (label_count of them, at most 4),
 * made if it is new. name and help must be literals.
 * @return never NULL: when memory is short or the registry is full, a spare
 *         one that is not rendered
 */
struct bmx_metric *bmx_metrics_counter(struct bmx_metrics *metrics,
                                       const char *name, const char *help,
                                       const struct bmx_metrics_label *labels,
                                       size_t label_count);

/** As bmx_metrics_counter, for a value that also goes down. */
struct bmx_metric *bmx_metrics_gauge(struct bmx_metrics *metrics,
                                     const char *name, const char *help,
                                     const struct bmx_metrics_label *labels,
                                     size_t label_count);

/** The counter or gauge of that name and those labels, or NULL when there is
 * none yet: for what is cleared and need not be made for it. */
struct bmx_metric *bmx_metrics_find(struct bmx_metrics *metrics,
                                    const char *name,
                                    const struct bmx_metrics_label *labels,
                                    size_t label_count);

/**
 * A histogram of seconds with the buckets 0.0001, 0.0005, 0.001, 0.005, 0.01,
 * 0.05, 0.1, 0.5, 1, 5, 10, +Inf. name and help must be literals.
 */
struct bmx_histogram *bmx_metrics_histogram(struct bmx_metrics *metrics,
                                            const char *name, const char *help);

/** Says which program this is, and since when: backupmx_build_info and
 * backupmx_start_time_seconds. wall_ms: now. */
void bmx_metrics_add_program(struct bmx_metrics *metrics, int64_t wall_ms);

/** Adds to a counter or gauge. */
void bmx_metric_add(struct bmx_metric *metric, uint64_t amount);

/** Sets a gauge. */
void bmx_metric_set(struct bmx_metric *metric, int64_t value);

/** The value now. */
int64_t bmx_metric_value(const struct bmx_metric *metric);

/** Counts one observation of us microseconds. */
void bmx_histogram_observe(struct bmx_histogram *histogram, int64_t us);

/**
 * All metrics as text, sorted by name, HELP and TYPE once a name.
 * @return a terminated string that the caller frees with free(), its length
 *         in *len_out; NULL when memory is short
 */
char *bmx_metrics_render(struct bmx_metrics *metrics, size_t *len_out);

#endif
