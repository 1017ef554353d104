#include "policyd/sockets.h"

#include <unistd.h>

#include <backupmx/endpoint.h>

static int
open_policy(struct bmx_sockets *sockets, const struct bmx_config *config,
            const struct bmx_endpoint_owner *owner, struct bmx_error *err)
{
	const struct bmx_config_policyd *policyd = &config->policyd;

	if (policyd->listen_count > BMX_SOCKETS_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "policyd.listen: more than %d sockets",
		                     BMX_SOCKETS_MAX);
	for (size_t i = 0; i < policyd->listen_count; i++) {
		const int fd =
			bmx_endpoint_listen(&policyd->listen[i], owner, err);

		if (fd < 0)
			return -1;
		sockets->policy[sockets->policy_count++] = fd;
	}
	return 0;
}

static int
open_control(struct bmx_sockets *sockets, const struct bmx_config *config,
             const struct bmx_identity *identity, struct bmx_error *err)
{
	/* The administrator's own: neither Postfix nor its group. */
	const struct bmx_endpoint_owner owner = {
		.mode = 0600, .group = "", .uid = identity->uid};

	if (!config->policyd.control_on)
		return 0;
	sockets->control =
		bmx_endpoint_listen(&config->policyd.control, &owner, err);
	return sockets->control < 0 ? -1 : 0;
}

static int
open_metrics(struct bmx_sockets *sockets, const struct bmx_config *config,
             const struct bmx_endpoint_owner *owner, struct bmx_error *err)
{
	if (!config->policyd.metrics_on)
		return 0;
	sockets->metrics =
		bmx_endpoint_listen(&config->policyd.metrics, owner, err);
	return sockets->metrics < 0 ? -1 : 0;
}

/* A start that fails leaves no paths, and never those of another process. */
static void
unlink_opened(const struct bmx_sockets *sockets,
              const struct bmx_config_policyd *policyd)
{
	for (size_t i = 0; i < sockets->policy_count; i++)
		bmx_endpoint_unlink(&policyd->listen[i]);
	if (sockets->control >= 0)
		bmx_endpoint_unlink(&policyd->control);
	if (sockets->metrics >= 0)
		bmx_endpoint_unlink(&policyd->metrics);
}

int
bmx_sockets_open(struct bmx_sockets *sockets, const struct bmx_config *config,
                 const struct bmx_identity *identity, struct bmx_error *err)
{
	const struct bmx_endpoint_owner owner = {
		.mode = config->policyd.socket_mode,
		.group = config->policyd.socket_group,
		.uid = identity->uid};

	*sockets = (struct bmx_sockets){.control = -1, .metrics = -1};
	if (open_policy(sockets, config, &owner, err) == 0 &&
	    open_control(sockets, config, identity, err) == 0 &&
	    open_metrics(sockets, config, &owner, err) == 0)
		return 0;
	unlink_opened(sockets, &config->policyd);
	bmx_sockets_close(sockets);
	return -1;
}

void
bmx_sockets_close(struct bmx_sockets *sockets)
{
	while (sockets->policy_count > 0)
		(void)close(sockets->policy[--sockets->policy_count]);
	if (sockets->control >= 0)
		(void)close(sockets->control);
	if (sockets->metrics >= 0)
		(void)close(sockets->metrics);
	sockets->control = sockets->metrics = -1;
}

void
bmx_sockets_unlink(const struct bmx_config *config)
{
	const struct bmx_config_policyd *policyd = &config->policyd;

	for (size_t i = 0; i < policyd->listen_count; i++)
		bmx_endpoint_unlink(&policyd->listen[i]);
	if (policyd->control_on)
		bmx_endpoint_unlink(&policyd->control);
	if (policyd->metrics_on)
		bmx_endpoint_unlink(&policyd->metrics);
}
