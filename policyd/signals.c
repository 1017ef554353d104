#include "policyd/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <sys/signalfd.h>
#include <unistd.h>

struct bmx_signals {
	struct bmx_loop *loop;
	struct bmx_watch *watch;
	int fd;
	bmx_signals_cb *on_stop;
	bmx_signals_cb *on_reload;
	void *ctx;
};

static void
on_signal(void *ctx, unsigned events)
{
	struct bmx_signals *signals = ctx;
	struct signalfd_siginfo info;

	(void)events;
	/* Level-triggered: what is left is read at the next turn. */
	if (read(signals->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
		signals->on_stop(signals->ctx);
	else
		signals->on_reload(signals->ctx);
}

static int
block(sigset_t *set)
{
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -1;
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGHUP);
	(void)sigaddset(set, SIGUSR1);
	return sigprocmask(SIG_BLOCK, set, NULL);
}

struct bmx_signals *
bmx_signals_new(struct bmx_loop *loop, bmx_signals_cb *on_stop,
                bmx_signals_cb *on_reload, void *ctx, struct bmx_error *err)
{
	struct bmx_signals *signals = calloc(1, sizeof(*signals));
	sigset_t set;

	if (!signals) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
		return NULL;
	}
	*signals = (struct bmx_signals){.loop = loop,
	                                .fd = -1,
	                                .on_stop = on_stop,
	                                .on_reload = on_reload,
	                                .ctx = ctx};
	if (block(&set) == 0)
		signals->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals->fd >= 0)
		signals->watch =
			bmx_watch_new(loop, signals->fd, on_signal, signals);
	if (!signals->watch ||
	    bmx_watch_set(loop, signals->watch, BMX_WATCH_READ) != 0) {
		(void)bmx_error_set_errno(err, errno,
		                          "cannot wait for signals");
		bmx_signals_free(&signals);
	}
	return signals;
}

void
bmx_signals_free(struct bmx_signals **signals)
{
	struct bmx_signals *set = *signals;

	if (!set)
		return;
	bmx_watch_free(set->loop, &set->watch);
	if (set->fd >= 0)
		(void)close(set->fd);
	free(set);
	*signals = NULL;
}
