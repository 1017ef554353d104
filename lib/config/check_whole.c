/* What keys of different sections have to do with each other. */
#include "config_priv.h"

/* One list cannot be that of many domains; in Redis each has its own. */
static void
check_any_source(const struct bmx_config *config,
                 const struct config_place *domains,
                 struct bmx_config_problems *problems)
{
	const struct bmx_config_domain *any = bmx_config_any_domain(config);

	if (any && any->recipients[0] != '\0' &&
	    strcmp(any->recipients, "redis:") != 0)
		config_problem(problems, domains[any->index], false,
		               "recipients = \"%.80s\" of domain \"*\": "
		               "expected \"redis:\", where each domain has a "
		               "list of its own, or \"\"",
		               any->recipients);
}

/* A list that would come from Redis needs to be told where that is. */
static void
check_sources(const struct bmx_config *config,
              const struct config_place *domains,
              struct bmx_config_problems *problems)
{
	for (size_t i = 0; i < config->domain_count; i++)
		if (strcmp(config->domains[i].recipients, "redis:") == 0 &&
		    !config->redis.present)
			config_problem(
				problems, domains[i], false,
				"recipients = \"redis:\" of domain \"%s\" "
				"needs a section redis",
				config->domains[i].name);
}

/* Sentinels know many servers, each by a name. */
static void
check_sentinels(const struct bmx_config *config, struct config_place at,
                struct bmx_config_problems *problems)
{
	const struct bmx_config_redis *redis = &config->redis;

	if (redis->present && redis->sentinels.count > 0 &&
	    redis->master_name[0] == '\0')
		config_problem(problems, at, false,
		               "redis.sentinels needs redis.master_name");
	if (redis->present && redis->sentinels.count > 0 && redis->cluster)
		config_problem(problems, at, false,
		               "redis.cluster and redis.sentinels exclude each "
		               "other");
}

void
config_check_whole(const struct bmx_config *config,
                   const struct config_place *domains,
                   struct config_place redis,
                   struct bmx_config_problems *problems)
{
	check_sources(config, domains, problems);
	check_any_source(config, domains, problems);
	check_sentinels(config, redis, problems);
}
