/*
 * effect.h - what an error reply means for the link. Pure.
 *
 * Sources: redis.conf, the error texts of Redis 7.0 (server.c: shared.*err,
 * acl.c, cluster.c), the Cluster specification.
 */
#ifndef BACKUPMX_LIB_REDIS_EFFECT_H
#define BACKUPMX_LIB_REDIS_EFFECT_H

#include <backupmx/redis.h>

enum bmx_redis_effect {
	BMX_REDIS_EFFECT_NONE,   /* the asker's matter: WRONGTYPE, NOSCRIPT */
	BMX_REDIS_EFFECT_TELL,   /* as NONE, and a person should know: OOM */
	BMX_REDIS_EFFECT_NEXT,   /* drop the connection, try the next server */
	BMX_REDIS_EFFECT_FAULT,  /* drop it and rest for the longest pause: a
	                          * person must act */
	BMX_REDIS_EFFECT_MOVED,  /* Cluster: another node, for good */
	BMX_REDIS_EFFECT_ASK,    /* Cluster: another node, this once */
	BMX_REDIS_EFFECT_LATER,  /* Cluster: the same again in a moment */
	BMX_REDIS_EFFECT_REFRESH /* Cluster: the map of slots is old */
};

/** Where the link stands. */
struct bmx_redis_standing {
	bool identifying; /* AUTH, SELECT, ROLE are not all answered */
	bool cluster;     /* redirections are followed */
	/* What ROLE said: a replica's READONLY is no news. */
	enum bmx_redis_role role;
};

/** What an error reply of that text means. */
enum bmx_redis_effect
bmx_redis_effect_of(struct bmx_slice text,
                    const struct bmx_redis_standing *standing);

#endif
