#include <tests/support/cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/metrics.h>

static void
assert_rendered(struct bmx_metrics *metrics, const char *want)
{
	size_t len = 0;
	char *got = bmx_metrics_render(metrics, &len);

	assert_non_null(got);
	assert_string_equal(got, want);
	assert_int_equal(len, strlen(want));
	free(got);
}

static void
test_render(void **state)
{
	const struct bmx_metrics_label label = {"domain", "a\"\\\nb"};
	struct bmx_metrics *metrics = bmx_metrics_new();
	struct bmx_metric *gauge, *counter;

	(void)state;
	assert_non_null(metrics);
	gauge = bmx_metrics_gauge(metrics, "b_up", "Is it up", NULL, 0);
	counter = bmx_metrics_counter(metrics, "a_total", "All", &label, 1);
	assert_ptr_equal(
		bmx_metrics_counter(metrics, "a_total", "All", &label, 1),
		counter);
	bmx_metric_add(counter, 2);
	bmx_metric_add(counter, 3);
	bmx_metric_set(gauge, -1);
	assert_int_equal(bmx_metric_value(counter), 5);
	assert_rendered(metrics,
	                "# HELP a_total All\n# TYPE a_total counter\n"
	                "a_total{domain=\"a\\\"\\\\\\nb\"} 5\n"
	                "# HELP b_up Is it up\n# TYPE b_up gauge\nb_up -1\n");
	bmx_metrics_free(&metrics);
	assert_null(metrics);
}

static void
test_find(void **state)
{
	const struct bmx_metrics_label label = {"domain", "a.test"};
	struct bmx_metrics *metrics = bmx_metrics_new();
	struct bmx_metric *gauge;

	(void)state;
	assert_null(bmx_metrics_find(metrics, "g", &label, 1));
	gauge = bmx_metrics_gauge(metrics, "g", "G", &label, 1);
	assert_ptr_equal(bmx_metrics_find(metrics, "g", &label, 1), gauge);
	assert_null(bmx_metrics_find(metrics, "g", NULL, 0));
	assert_null(bmx_metrics_find(metrics, "h", &label, 1));
	bmx_metrics_free(&metrics);
}

static void
test_program(void **state)
{
	struct bmx_metrics *metrics = bmx_metrics_new();

	(void)state;
	bmx_metrics_add_program(metrics, 1999);
	assert_rendered(
		metrics,
		"# HELP backupmx_build_info 1; the label says the version.\n"
		"# TYPE backupmx_build_info gauge\n"
		"backupmx_build_info{version=\"" BMX_VERSION "\"} 1\n"
		"# HELP backupmx_start_time_seconds When the program started, "
		"in seconds since 1970.\n"
		"# TYPE backupmx_start_time_seconds gauge\n"
		"backupmx_start_time_seconds 1\n");
	bmx_metrics_free(&metrics);
}

static void
test_histogram(void **state)
{
	struct bmx_metrics *metrics = bmx_metrics_new();
	struct bmx_histogram *histogram =
		bmx_metrics_histogram(metrics, "s", "Time");

	(void)state;
	bmx_histogram_observe(histogram, 100);      /* a bound is inside */
	bmx_histogram_observe(histogram, 101);      /* the next bucket */
	bmx_histogram_observe(histogram, 10000001); /* past the last */
	bmx_histogram_observe(histogram, -5);       /* counts as 0 */
	assert_rendered(metrics,
	                "# HELP s Time\n# TYPE s histogram\n"
	                "s_bucket{le=\"0.0001\"} 2\ns_bucket{le=\"0.0005\"} 3\n"
	                "s_bucket{le=\"0.001\"} 3\ns_bucket{le=\"0.005\"} 3\n"
	                "s_bucket{le=\"0.01\"} 3\ns_bucket{le=\"0.05\"} 3\n"
	                "s_bucket{le=\"0.1\"} 3\ns_bucket{le=\"0.5\"} 3\n"
	                "s_bucket{le=\"1\"} 3\ns_bucket{le=\"5\"} 3\n"
	                "s_bucket{le=\"10\"} 3\ns_bucket{le=\"+Inf\"} 4\n"
	                "s_sum 10.000202\ns_count 4\n");
	bmx_metrics_free(&metrics);
}

/* In whatever order they come, each is there once, and they come out sorted. */
static void
test_order(void **state)
{
	static const char *const values[] = {"m", "z", "a", "m", "b", "y",
	                                     "a", "c", "z", "n", "b", "x"};
	struct bmx_metrics *metrics = bmx_metrics_new();

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct bmx_metrics_label label = {"n", values[i]};

		bmx_metric_add(
			bmx_metrics_counter(metrics, "s", "S", &label, 1), 1);
	}
	assert_rendered(metrics,
	                "# HELP s S\n# TYPE s counter\n"
	                "s{n=\"a\"} 2\ns{n=\"b\"} 2\ns{n=\"c\"} 1\n"
	                "s{n=\"m\"} 2\ns{n=\"n\"} 1\ns{n=\"x\"} 1\n"
	                "s{n=\"y\"} 1\ns{n=\"z\"} 2\n");
	bmx_metrics_free(&metrics);
}

/* Labels from outside (reasons, domains of a reload) have a cap. */
static void
test_cap(void **state)
{
	struct bmx_metrics *metrics = bmx_metrics_new();
	struct bmx_metric *first = NULL, *spare, *other;
	char value[16] = "0";
	struct bmx_metrics_label label = {"n", value};

	(void)state;
	for (size_t i = 1; i <= BMX_METRICS_SERIES_MAX; i++) {
		struct bmx_metric *made;

		(void)snprintf(value, sizeof(value), "%08zu", i);
		made = bmx_metrics_counter(metrics, "a", "b", &label, 1);
		first = i == 1 ? made : first;
	}
	(void)snprintf(value, sizeof(value), "%08d", 0);
	spare = bmx_metrics_counter(metrics, "a", "b", &label, 1);
	other = bmx_metrics_gauge(metrics, "c", "d", NULL, 0);
	assert_ptr_not_equal(first, spare);
	assert_ptr_equal(spare, other);
	bmx_metric_add(spare, 3); /* harmless */
	(void)snprintf(value, sizeof(value), "%08d", 1);
	assert_ptr_equal(bmx_metrics_counter(metrics, "a", "b", &label, 1),
	                 first);
	bmx_metrics_free(&metrics);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_render), cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_order),  cmocka_unit_test(test_cap),
		cmocka_unit_test(test_find),   cmocka_unit_test(test_program)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
