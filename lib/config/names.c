#include <backupmx/config_names.h>

#include <stdint.h>
#include <string.h>

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance (Damerau, Levenshtein), three rows. */
static size_t
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][BMX_CONFIG_NAME_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3];
		const size_t *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = smaller(row[j], above[j] + 1);
			row[j] = smaller(row[j], row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], before[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

static size_t
most_for(size_t a_len, size_t b_len)
{
	const size_t third = (a_len > b_len ? a_len : b_len) / 3;

	return third > 0 ? third : 1;
}

const char *
bmx_config_nearest_name(const char *name, const char *const *names,
                        size_t count)
{
	const size_t len = strlen(name);
	const char *nearest = NULL;
	size_t least = SIZE_MAX;

	if (len > BMX_CONFIG_NAME_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const size_t other = strlen(names[i]);
		size_t d;

		if (other > BMX_CONFIG_NAME_MAX)
			continue;
		d = distance(name, len, names[i], other);
		if (d < least && d <= most_for(len, other)) {
			least = d;
			nearest = names[i];
		}
	}
	return nearest;
}
