#include "policyd/sockets.h"

#include <unistd.h>

/* What is needed to make one socket after the other. */
struct opening {
	struct bmx_sockets *sockets;
	struct bmx_passed_sockets *passed;
	struct bmx_error *err;
};

static int
open_one(const struct opening *opening, const struct bmx_endpoint *endpoint,
         const struct bmx_endpoint_owner *owner)
{
	struct bmx_sockets *sockets = opening->sockets;
	bool made = false;
	const int fd = bmx_passed_or_listen(opening->passed, endpoint, owner,
	                                    &made, opening->err);

	if (fd >= 0 && made)
		sockets->made[sockets->made_count++] = *endpoint;
	return fd;
}

static int
open_policy(const struct opening *opening, const struct bmx_config *config,
            const struct bmx_endpoint_owner *owner)
{
	const struct bmx_config_policyd *policyd = &config->policyd;
	struct bmx_sockets *sockets = opening->sockets;

	if (policyd->listen_count > BMX_SOCKETS_MAX)
		return bmx_error_set(opening->err, BMX_E_TOO_BIG,
		                     "policyd.listen: more than %d sockets",
		                     BMX_SOCKETS_MAX);
	for (size_t i = 0; i < policyd->listen_count; i++) {
		const int fd = open_one(opening, &policyd->listen[i], owner);

		if (fd < 0)
			return -1;
		sockets->policy[sockets->policy_count++] = fd;
	}
	return 0;
}

static int
open_control(const struct opening *opening, const struct bmx_config *config,
             const struct bmx_identity *identity)
{
	/* The administrator's own: neither Postfix nor its group. */
	const struct bmx_endpoint_owner owner = {
		.mode = 0600, .group = "", .uid = identity->uid};

	if (!config->policyd.control_on)
		return 0;
	opening->sockets->control =
		open_one(opening, &config->policyd.control, &owner);
	return opening->sockets->control < 0 ? -1 : 0;
}

static int
open_metrics(const struct opening *opening, const struct bmx_config *config,
             const struct bmx_endpoint_owner *owner)
{
	if (!config->policyd.metrics_on)
		return 0;
	opening->sockets->metrics =
		open_one(opening, &config->policyd.metrics, owner);
	return opening->sockets->metrics < 0 ? -1 : 0;
}

int
bmx_sockets_open(struct bmx_sockets *sockets, const struct bmx_config *config,
                 const struct bmx_identity *identity,
                 struct bmx_passed_sockets *passed, struct bmx_error *err)
{
	const struct opening opening = {sockets, passed, err};
	const struct bmx_endpoint_owner owner = {
		.mode = config->policyd.socket_mode,
		.group = config->policyd.socket_group,
		.uid = identity->uid};

	*sockets = (struct bmx_sockets){.control = -1, .metrics = -1};
	if (open_policy(&opening, config, &owner) == 0 &&
	    open_control(&opening, config, identity) == 0 &&
	    open_metrics(&opening, config, &owner) == 0)
		return 0;
	/* A start that fails leaves no paths of its own. */
	bmx_sockets_unlink(sockets);
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
bmx_sockets_unlink(struct bmx_sockets *sockets)
{
	while (sockets->made_count > 0)
		bmx_endpoint_unlink(&sockets->made[--sockets->made_count]);
}
