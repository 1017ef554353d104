#include <backupmx/dns_loop.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/eventfd.h>
#include <sys/queue.h>

/* In which list a question is. */
enum place {
	PLACE_OPEN,  /* the resolver has not answered */
	PLACE_READY, /* answered, handed over by whichever thread */
	PLACE_BATCH, /* about to be told in this turn of the loop */
};

struct asker;

struct bmx_dns_ask {
	struct asker *asker;
	struct bmx_dns_query *query;
	struct bmx_timer *timer;
	bmx_dns_answer_cb *cb;
	void *ctx;
	enum place place; /* guarded by the asker's lock, as the links are */
	TAILQ_ENTRY(bmx_dns_ask) links;
};

TAILQ_HEAD(asks, bmx_dns_ask);

/*
 *	open --answered--> ready --eventfd--> batch --told--> freed
 *
 * Lock order: the resolver's, then ours. So no function of dns.h is called
 * with our lock held.
 */
struct asker {
	struct bmx_dns_asker head; /* first: the interface's view of it */
	struct bmx_dns *dns;
	struct bmx_loop *loop;
	struct bmx_watch *watch;
	int wake_fd;          /* eventfd: something is ready */
	bool telling;         /* on_wake is on the stack */
	bool dead;            /* and is to free the asker when it returns */
	pthread_mutex_t lock; /* guards the lists */
	struct asks open;
	struct asks ready;
	struct asks batch;
};

static struct asker *
asker_of(struct bmx_dns_asker *asker)
{
	return (struct asker *)asker;
}

static struct asks *
list_of(struct asker *asker, enum place place)
{
	switch (place) {
	case PLACE_READY:
		return &asker->ready;
	case PLACE_BATCH:
		return &asker->batch;
	case PLACE_OPEN:
		break;
	}
	return &asker->open;
}

/* With the lock held. */
static void
move(struct bmx_dns_ask *ask, enum place place)
{
	struct asker *asker = ask->asker;

	TAILQ_REMOVE(list_of(asker, ask->place), ask, links);
	ask->place = place;
	TAILQ_INSERT_TAIL(list_of(asker, place), ask, links);
}

/* In any thread. The eventfd is written with the lock held: the asker cannot
 * be freed in between, as that takes the lock for each open question. */
static void
on_answered(void *ctx)
{
	struct bmx_dns_ask *ask = ctx;
	struct asker *asker = ask->asker;
	const uint64_t one = 1;
	ssize_t written = sizeof(one);

	(void)pthread_mutex_lock(&asker->lock);
	if (TAILQ_EMPTY(&asker->ready))
		written = write(asker->wake_fd, &one, sizeof(one));
	move(ask, PLACE_READY);
	(void)pthread_mutex_unlock(&asker->lock);
	(void)written; /* cannot fail: the counter is far from its end */
}

/* Takes the question out of all lists and frees it; what was to be told is
 * left to the caller. */
static void
drop(struct bmx_dns_ask *ask)
{
	struct asker *asker = ask->asker;

	(void)pthread_mutex_lock(&asker->lock);
	TAILQ_REMOVE(list_of(asker, ask->place), ask, links);
	(void)pthread_mutex_unlock(&asker->lock);
	bmx_timer_free(asker->loop, &ask->timer);
	free(ask);
}

/* With the answer that is there, or BMX_DNS_TEMPFAIL. */
static void
tell(struct bmx_dns_ask *ask)
{
	const struct bmx_dns_answer *answer = bmx_dns_wait(&ask->query, 0);
	bmx_dns_answer_cb *cb = ask->cb;
	void *ctx = ask->ctx;

	drop(ask);
	cb(ctx, answer); /* may free the asker */
	bmx_dns_answer_unref(&answer);
}

static void
on_timeout(void *ctx)
{
	tell(ctx);
}

/* What is told in this turn; a question that a callback asks waits for the
 * next one, also when the cache knows the answer. */
static struct bmx_dns_ask *
take_batch(struct asker *asker)
{
	struct bmx_dns_ask *ask;

	(void)pthread_mutex_lock(&asker->lock);
	while ((ask = TAILQ_FIRST(&asker->ready)) != NULL)
		move(ask, PLACE_BATCH);
	(void)pthread_mutex_unlock(&asker->lock);
	return TAILQ_FIRST(&asker->batch);
}

/* The first one of a list that other threads may change. */
static struct bmx_dns_ask *
first(struct asker *asker, const struct asks *list)
{
	struct bmx_dns_ask *ask;

	(void)pthread_mutex_lock(&asker->lock);
	ask = TAILQ_FIRST(list);
	(void)pthread_mutex_unlock(&asker->lock);
	return ask;
}

/* What is left of an asker whose making failed, or of all. */
static void
free_asker(struct asker *asker)
{
	bmx_watch_free(asker->loop, &asker->watch);
	if (asker->wake_fd >= 0)
		(void)close(asker->wake_fd);
	(void)pthread_mutex_destroy(&asker->lock);
	free(asker);
}

static void
on_wake(void *ctx, unsigned events)
{
	struct asker *asker = ctx;
	struct bmx_dns_ask *ask;
	uint64_t count;

	(void)events;
	if (read(asker->wake_fd, &count, sizeof(count)) < 0)
		return; /* EAGAIN: a wake-up that was served already */
	ask = take_batch(asker);
	asker->telling = true;
	while (ask) {
		tell(ask);
		ask = TAILQ_FIRST(&asker->batch); /* none once it is dead */
	}
	asker->telling = false;
	if (asker->dead)
		free_asker(asker);
}

static struct bmx_dns_ask *
new_ask(struct asker *asker, struct bmx_slice name, enum bmx_dns_type type)
{
	struct bmx_dns_ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return NULL;
	ask->asker = asker;
	ask->timer = bmx_timer_new(asker->loop, on_timeout, ask);
	if (ask->timer)
		ask->query = bmx_dns_start(asker->dns, name, type);
	if (ask->query)
		return ask;
	bmx_timer_free(asker->loop, &ask->timer);
	free(ask);
	return NULL;
}

static struct bmx_dns_ask *
asker_ask(struct bmx_dns_asker *head, struct bmx_slice name,
          enum bmx_dns_type type, int64_t timeout_ms, bmx_dns_answer_cb *cb,
          void *ctx)
{
	struct asker *asker = asker_of(head);
	struct bmx_dns_ask *ask = new_ask(asker, name, type);

	if (!ask)
		return NULL;
	ask->cb = cb;
	ask->ctx = ctx;
	(void)pthread_mutex_lock(&asker->lock);
	TAILQ_INSERT_TAIL(&asker->open, ask, links);
	(void)pthread_mutex_unlock(&asker->lock);
	bmx_timer_set(asker->loop, ask->timer, timeout_ms > 0 ? timeout_ms : 0);
	if (!bmx_dns_notify(ask->query, on_answered, ask))
		on_answered(ask);
	return ask;
}

static void
asker_cancel(struct bmx_dns_ask *ask)
{
	bmx_dns_cancel(&ask->query); /* on_answered is not running after it */
	drop(ask);
}

struct bmx_dns_asker *
bmx_dns_loop_new(struct bmx_dns *dns, struct bmx_loop *loop,
                 struct bmx_error *err)
{
	struct asker *asker = calloc(1, sizeof(*asker));

	if (!asker)
		goto nomem;
	asker->head = (struct bmx_dns_asker){asker_ask, asker_cancel};
	asker->dns = dns;
	asker->loop = loop;
	(void)pthread_mutex_init(&asker->lock, NULL); /* cannot fail */
	TAILQ_INIT(&asker->open);
	TAILQ_INIT(&asker->ready);
	TAILQ_INIT(&asker->batch);
	asker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (asker->wake_fd < 0) {
		(void)bmx_error_set_errno(err, errno, "eventfd");
		goto fail;
	}
	asker->watch = bmx_watch_new(loop, asker->wake_fd, on_wake, asker);
	if (asker->watch &&
	    bmx_watch_set(loop, asker->watch, BMX_WATCH_READ) == 0)
		return &asker->head;
nomem:
	(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for DNS");
fail:
	if (asker)
		free_asker(asker);
	return NULL;
}

void
bmx_dns_loop_free(struct bmx_dns_asker **asker)
{
	struct asker *old = *asker ? asker_of(*asker) : NULL;
	struct asks *lists[3];

	*asker = NULL;
	if (!old)
		return;
	lists[0] = &old->open;
	lists[1] = &old->ready;
	lists[2] = &old->batch;
	for (size_t i = 0; i < 3; i++) {
		struct bmx_dns_ask *ask;

		while ((ask = first(old, lists[i])) != NULL)
			asker_cancel(ask);
	}
	old->dead = old->telling;
	if (!old->dead)
		free_asker(old);
}
