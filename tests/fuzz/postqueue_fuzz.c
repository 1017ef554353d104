/* Any output of postqueue makes a count, in whatever pieces it comes. */
#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

#include "ctl/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmxctl_queue *queue = bmxctl_queue_new();
	const size_t half = size / 2;
	json_t *root;

	if (!queue)
		return 0;
	(void)bmxctl_queue_add_domain(queue, "a.test");
	(void)bmxctl_queue_feed(queue,
	                        (struct bmx_slice){(const char *)data, half});
	(void)bmxctl_queue_feed(
		queue,
		(struct bmx_slice){(const char *)data + half, size - half});
	(void)bmxctl_queue_end(queue);
	root = bmxctl_queue_json(queue);
	if (!root)
		abort(); /* some text was no UTF-8 */
	json_decref(root);
	bmxctl_queue_free(&queue);
	return 0;
}
