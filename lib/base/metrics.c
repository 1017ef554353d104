#include <backupmx/metrics.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Upper bounds in microseconds and as Prometheus writes them. */
static const struct {
	int64_t us;
	const char *le;
} buckets[] = {
	{100, "0.0001"}, {500, "0.0005"}, {1000, "0.001"},  {5000, "0.005"},
	{10000, "0.01"}, {50000, "0.05"}, {100000, "0.1"},  {500000, "0.5"},
	{1000000, "1"},  {5000000, "5"},  {10000000, "10"},
};
#define BUCKETS (sizeof(buckets) / sizeof(buckets[0]))

struct bmx_metric {
	atomic_int_fast64_t value;
	char *labels; /* "" or {name="value",...}, escaped */
};

struct bmx_histogram {
	atomic_uint_fast64_t counts[BUCKETS + 1];
	atomic_uint_fast64_t sum_us;
};

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

/* One metric name with all its series. */
struct family {
	const char *name;
	const char *help;
	enum kind kind;
	struct bmx_metric **series; /* sorted by labels */
	size_t count;
	size_t capacity;
	struct bmx_histogram *histogram;
	struct family *next;
};

struct bmx_metrics {
	pthread_mutex_t lock;
	struct family *families; /* sorted by name */
	size_t series_count;
	struct bmx_metric spare;
	struct bmx_histogram spare_histogram;
};

struct bmx_metrics *
bmx_metrics_new(void)
{
	struct bmx_metrics *metrics = calloc(1, sizeof(*metrics));

	if (metrics && pthread_mutex_init(&metrics->lock, NULL) != 0) {
		free(metrics);
		return NULL;
	}
	return metrics;
}

static void
free_family(struct family *family)
{
	for (size_t i = 0; i < family->count; i++) {
		free(family->series[i]->labels);
		free(family->series[i]);
	}
	free(family->series);
	free(family->histogram);
	free(family);
}

void
bmx_metrics_free(struct bmx_metrics **metrics)
{
	if (!*metrics)
		return;
	while ((*metrics)->families) {
		struct family *next = (*metrics)->families->next;

		free_family((*metrics)->families);
		(*metrics)->families = next;
	}
	(void)pthread_mutex_destroy(&(*metrics)->lock);
	free(*metrics);
	*metrics = NULL;
}

static struct family *
find_family(struct bmx_metrics *metrics, const char *name, const char *help,
            enum kind kind)
{
	struct family **at = &metrics->families;
	struct family *family;

	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	if (*at && strcmp((*at)->name, name) == 0) {
		assert((*at)->kind == kind);
		return *at;
	}
	family = calloc(1, sizeof(*family));
	if (!family)
		return NULL;
	*family = (struct family){
		.name = name, .help = help, .kind = kind, .next = *at};
	*at = family;
	return family;
}

static void
put_escaped(FILE *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			(void)fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			(void)fprintf(out, "\\%c", *value);
		else
			(void)fputc(*value, out);
	}
}

/* The labels as they are rendered, "" for none; NULL when memory is short. */
static char *
format_labels(const struct bmx_metrics_label *labels, size_t count)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		(void)fprintf(out, "%s%s=\"", i ? "," : "{", labels[i].name);
		put_escaped(out, labels[i].value);
		(void)fputc('"', out);
	}
	if (count > 0)
		(void)fputc('}', out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Where labels are, or belong, among the family's series. */
static size_t
position_of(const struct family *family, const char *labels)
{
	size_t low = 0, high = family->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(family->series[middle]->labels, labels) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Makes room for one more. @return 0, or -1 when memory is short */
static int
reserve(struct family *family)
{
	const size_t capacity = family->capacity ? 2 * family->capacity : 4;
	struct bmx_metric **series;

	if (family->count < family->capacity)
		return 0;
	series =
		realloc(family->series, capacity * sizeof(struct bmx_metric *));
	if (!series)
		return -1;
	family->series = series;
	family->capacity = capacity;
	return 0;
}

/* Takes labels over. There are series for each domain, so both the looking up
 * and the adding must be quick with thousands of them. */
static struct bmx_metric *
find_series(struct bmx_metrics *metrics, struct family *family, char *labels)
{
	const size_t at = position_of(family, labels);
	struct bmx_metric *metric = NULL;

	if (at < family->count &&
	    strcmp(family->series[at]->labels, labels) == 0) {
		free(labels);
		return family->series[at];
	}
	if (metrics->series_count < BMX_METRICS_SERIES_MAX &&
	    reserve(family) == 0)
		metric = calloc(1, sizeof(*metric));
	if (!metric) {
		free(labels);
		return &metrics->spare;
	}
	metric->labels = labels;
	memmove(&family->series[at + 1], &family->series[at],
	        (family->count - at) * sizeof(struct bmx_metric *));
	family->series[at] = metric;
	family->count++;
	metrics->series_count++;
	return metric;
}

static struct bmx_metric *
get_metric(struct bmx_metrics *metrics, struct family *family,
           const struct bmx_metrics_label *labels, size_t label_count)
{
	char *text = family ? format_labels(labels, label_count) : NULL;

	return text ? find_series(metrics, family, text) : &metrics->spare;
}

struct bmx_metric *
bmx_metrics_counter(struct bmx_metrics *metrics, const char *name,
                    const char *help, const struct bmx_metrics_label *labels,
                    size_t label_count)
{
	struct bmx_metric *metric;

	(void)pthread_mutex_lock(&metrics->lock);
	metric = get_metric(metrics,
	                    find_family(metrics, name, help, KIND_COUNTER),
	                    labels, label_count);
	(void)pthread_mutex_unlock(&metrics->lock);
	return metric;
}

struct bmx_metric *
bmx_metrics_gauge(struct bmx_metrics *metrics, const char *name,
                  const char *help, const struct bmx_metrics_label *labels,
                  size_t label_count)
{
	struct bmx_metric *metric;

	(void)pthread_mutex_lock(&metrics->lock);
	metric = get_metric(metrics,
	                    find_family(metrics, name, help, KIND_GAUGE),
	                    labels, label_count);
	(void)pthread_mutex_unlock(&metrics->lock);
	return metric;
}

static struct bmx_metric *
find_metric(const struct bmx_metrics *metrics, const char *name,
            const char *labels)
{
	const struct family *family = metrics->families;
	size_t at;

	while (family && strcmp(family->name, name) != 0)
		family = family->next;
	if (!family)
		return NULL;
	at = position_of(family, labels);
	return at < family->count &&
			strcmp(family->series[at]->labels, labels) == 0 ?
		family->series[at] :
		NULL;
}

struct bmx_metric *
bmx_metrics_find(struct bmx_metrics *metrics, const char *name,
                 const struct bmx_metrics_label *labels, size_t label_count)
{
	struct bmx_metric *metric = NULL;
	char *text = format_labels(labels, label_count);

	if (!text)
		return NULL;
	(void)pthread_mutex_lock(&metrics->lock);
	metric = find_metric(metrics, name, text);
	(void)pthread_mutex_unlock(&metrics->lock);
	free(text);
	return metric;
}

struct bmx_histogram *
bmx_metrics_histogram(struct bmx_metrics *metrics, const char *name,
                      const char *help)
{
	struct bmx_histogram *histogram = NULL;
	struct family *family;

	(void)pthread_mutex_lock(&metrics->lock);
	family = find_family(metrics, name, help, KIND_HISTOGRAM);
	if (family && !family->histogram)
		family->histogram = calloc(1, sizeof(*family->histogram));
	if (family)
		histogram = family->histogram;
	(void)pthread_mutex_unlock(&metrics->lock);
	return histogram ? histogram : &metrics->spare_histogram;
}

void
bmx_metrics_add_program(struct bmx_metrics *metrics, int64_t wall_ms)
{
	const struct bmx_metrics_label label = {"version", BMX_VERSION};

	bmx_metric_set(bmx_metrics_gauge(metrics, "backupmx_build_info",
	                                 "1; the label says the version.",
	                                 &label, 1),
	               1);
	bmx_metric_set(bmx_metrics_gauge(metrics, "backupmx_start_time_seconds",
	                                 "When the program started, in "
	                                 "seconds since 1970.",
	                                 NULL, 0),
	               wall_ms / 1000);
}

void
bmx_metric_add(struct bmx_metric *metric, uint64_t amount)
{
	atomic_fetch_add_explicit(&metric->value, (int64_t)amount,
	                          memory_order_relaxed);
}

void
bmx_metric_set(struct bmx_metric *metric, int64_t value)
{
	atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

int64_t
bmx_metric_value(const struct bmx_metric *metric)
{
	return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

void
bmx_histogram_observe(struct bmx_histogram *histogram, int64_t us)
{
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < BUCKETS && us > buckets[i].us)
		i++;
	atomic_fetch_add_explicit(&histogram->counts[i], 1,
	                          memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum_us, (uint64_t)us,
	                          memory_order_relaxed);
}

static void
render_histogram(FILE *out, const struct family *family)
{
	const struct bmx_histogram *histogram = family->histogram;
	unsigned long long total = 0;
	uint64_t sum;

	if (!histogram)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		total += atomic_load(&histogram->counts[i]);
		(void)fprintf(out, "%s_bucket{le=\"%s\"} %llu\n", family->name,
		              buckets[i].le, total);
	}
	total += atomic_load(&histogram->counts[BUCKETS]);
	sum = atomic_load(&histogram->sum_us);
	(void)fprintf(out,
	              "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %llu.%06llu\n"
	              "%s_count %llu\n",
	              family->name, total, family->name,
	              (unsigned long long)(sum / 1000000),
	              (unsigned long long)(sum % 1000000), family->name, total);
}

static void
render_family(FILE *out, const struct family *family)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};

	(void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name,
	              family->help, family->name, kinds[family->kind]);
	for (size_t i = 0; i < family->count; i++)
		(void)fprintf(out, "%s%s %lld\n", family->name,
		              family->series[i]->labels,
		              (long long)bmx_metric_value(family->series[i]));
	render_histogram(out, family);
}

char *
bmx_metrics_render(struct bmx_metrics *metrics, size_t *len_out)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len_out);

	if (!out)
		return NULL;
	(void)pthread_mutex_lock(&metrics->lock);
	for (const struct family *f = metrics->families; f; f = f->next)
		render_family(out, f);
	(void)pthread_mutex_unlock(&metrics->lock);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
