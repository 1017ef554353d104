#include <backupmx/endpoint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grp.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <backupmx/privileges.h>

/* Octets for one group entry with its members. */
#define ENTRY_MAX ((size_t)64 * 1024)

static struct sockaddr_un
unix_address(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, path, strlen(path) + 1);
	return address;
}

static int
new_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* The octets of path before its last '/': "" for the root directory. */
static int
directory_len(const char *path)
{
	return (int)(strrchr(path, '/') - path);
}

/* A directory that is missing or closed to us is what goes wrong most. */
static int
path_error(const char *path, const char *group, int errnum,
           struct bmx_error *err)
{
	const int len = directory_len(path);

	if (errnum == ENOENT || errnum == ENOTDIR)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "cannot listen on unix:%s: no directory "
		                     "%.*s: make it with \"install -d -o %s "
		                     "-g %s -m 2750 %.*s\"",
		                     path, len, path, BMX_PRIVILEGES_USER,
		                     group[0] ? group : "postfix", len, path);
	if (errnum == EACCES || errnum == EPERM)
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "cannot listen on unix:%s: this user may "
		                     "not write to %.*s/: give it the "
		                     "directory or start as root",
		                     path, len, path);
	return bmx_error_set_errno(err, errnum, "cannot listen on unix:%s",
	                           path);
}

/* Does nobody answer at path, which is a socket? */
static int
check_stale(const char *path, struct bmx_error *err)
{
	const struct sockaddr_un address = unix_address(path);
	int fd = new_socket(AF_UNIX), rc, errnum;

	if (fd < 0)
		return bmx_error_set_errno(err, errno, "cannot make a socket");
	rc = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	errnum = rc == 0 ? 0 : errno;
	(void)close(fd); /* nothing was written */
	if (errnum == ECONNREFUSED || errnum == ENOENT)
		return 0;
	/* EAGAIN: its queue is full; EPROTOTYPE: a datagram server. */
	if (errnum == 0 || errnum == EAGAIN || errnum == EPROTOTYPE)
		return bmx_error_set(err, BMX_E_BUSY,
		                     "cannot listen on unix:%s: another "
		                     "process listens there: stop it, or use "
		                     "another path",
		                     path);
	return bmx_error_set_errno(err, errnum,
	                           "cannot listen on unix:%s: the socket "
	                           "there cannot be tried, remove it if it is "
	                           "not in use",
	                           path);
}

/* May the new socket take the place of what is at path? */
static int
check_place(const char *path, const char *group, struct bmx_error *err)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 :
					 path_error(path, group, errno, err);
	if (S_ISSOCK(st.st_mode))
		return check_stale(path, err);
	return bmx_error_set(err, BMX_E_REFUSED,
	                     "cannot listen on unix:%s: what is there is no "
	                     "socket: move it away, or use another path",
	                     path);
}

static int
find_group(const char *name, gid_t *gid_out, struct bmx_error *err)
{
	struct group entry, *found = NULL;
	char *buffer = malloc(ENTRY_MAX);
	int rc;

	if (!buffer)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	rc = getgrnam_r(name, &entry, buffer, ENTRY_MAX, &found);
	if (found)
		*gid_out = found->gr_gid;
	free(buffer);
	if (found)
		return 0;
	if (rc != 0)
		return bmx_error_set_errno(err, rc,
		                           "cannot look up group \"%s\"", name);
	return bmx_error_set(err, BMX_E_NOT_FOUND,
	                     "no group \"%s\" for the socket: create it, or "
	                     "name another as socket_group",
	                     name);
}

/* Gives the socket at path, which is known to users as name, to its owner. */
static int
give_to_owner(const char *path, const char *name,
              const struct bmx_endpoint_owner *owner, gid_t gid,
              struct bmx_error *err)
{
	const uid_t uid = geteuid() == 0 ? owner->uid : (uid_t)-1;
	struct stat st;

	/* A directory with the setgid bit has already set the group. */
	if (lstat(path, &st) == 0 && st.st_gid == gid)
		gid = (gid_t)-1;
	if (lchown(path, uid, gid) != 0)
		return bmx_error_set_errno(
			err, errno,
			"cannot give unix:%s to group \"%s\" (start as root, "
			"or add this user to the group)",
			name, owner->group);
	if (chmod(path, owner->mode) != 0)
		return bmx_error_set_errno(
			err, errno, "cannot set the mode of unix:%s", name);
	return 0;
}

/* Name in the same directory, so that rename stays on one file system. */
static int
temporary_name(const char *path, char out[sizeof(struct sockaddr_un)],
               struct bmx_error *err)
{
	const struct sockaddr_un address;
	const int len = snprintf(out, sizeof(address.sun_path), "%.*s/.%ld",
	                         directory_len(path), path, (long)getpid());

	if (len >= 0 && (size_t)len < sizeof(address.sun_path))
		return 0;
	return bmx_error_set(err, BMX_E_TOO_BIG,
	                     "cannot listen on unix:%s: its directory's name "
	                     "is too long by %d octets",
	                     path, len - (int)sizeof(address.sun_path) + 1);
}

/* Listens at the temporary name, then shows the socket under its own. */
static int
publish(int fd, const char *temporary, const char *path,
        const struct bmx_endpoint_owner *owner, gid_t gid,
        struct bmx_error *err)
{
	if (give_to_owner(temporary, path, owner, gid, err) != 0)
		return -1;
	if (listen(fd, BMX_ENDPOINT_BACKLOG) != 0 ||
	    rename(temporary, path) != 0)
		return bmx_error_set_errno(err, errno,
		                           "cannot listen on unix:%s", path);
	return 0;
}

static int
listen_unix(const char *path, const struct bmx_endpoint_owner *owner,
            struct bmx_error *err)
{
	char temporary[sizeof(struct sockaddr_un)];
	gid_t gid = (gid_t)-1;
	struct sockaddr_un address;
	int fd;

	if (temporary_name(path, temporary, err) != 0 ||
	    check_place(path, owner->group, err) != 0)
		return -1;
	if (owner->group[0] && find_group(owner->group, &gid, err) != 0)
		return -1;
	fd = new_socket(AF_UNIX);
	if (fd < 0)
		return bmx_error_set_errno(err, errno, "cannot make a socket");
	/* Of a process with our number that was killed between bind and
	 * rename; nobody else writes such a name. */
	(void)unlink(temporary);
	address = unix_address(temporary);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		(void)path_error(path, owner->group, errno, err);
	} else if (publish(fd, temporary, path, owner, gid, err) == 0) {
		return fd;
	} else {
		(void)unlink(temporary); /* the first error is told */
	}
	(void)close(fd);
	return -1;
}

/* A socket that listens on one address, or -1 with errno. */
static int
listen_address(const struct addrinfo *info, bool any)
{
	const int on = 1, v6only = !any;
	int fd = new_socket(info->ai_family), errnum;

	if (fd < 0)
		return -1;
	/* "Any" takes IPv4 on its IPv6 socket, too: one endpoint is one
	 * descriptor. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (info->ai_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
	                sizeof(v6only)) == 0) &&
	    bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
	    listen(fd, BMX_ENDPOINT_BACKLOG) == 0)
		return fd;
	errnum = errno;
	(void)close(fd);
	errno = errnum;
	return -1;
}

static int
inet_error(const struct bmx_endpoint *endpoint, int errnum,
           struct bmx_error *err)
{
	char name[sizeof(endpoint->host) + 16];
	const char *hint = "";
	struct bmx_text text;

	if (errnum == EADDRINUSE)
		hint = " (stop the process that listens there, or use another "
		       "port)";
	else if (errnum == EACCES || errnum == EPERM)
		hint = " (start as root, or use a port above 1023)";
	else if (errnum == EADDRNOTAVAIL)
		hint = " (no interface of this host has the address)";
	bmx_text_init(&text, name, sizeof(name));
	bmx_endpoint_append(&text, endpoint);
	return bmx_error_set_errno(err, errnum, "cannot listen on %s%s", name,
	                           hint);
}

/* The first address of the list that is of this family or, for AF_UNSPEC, of
 * any, and that is there. One in use ends the search: to listen on another
 * in its place would surprise. */
static int
listen_first(const struct addrinfo *list, int family, bool any)
{
	int fd = -1;

	errno = EADDRNOTAVAIL;
	for (const struct addrinfo *info = list; info; info = info->ai_next) {
		if (family != AF_UNSPEC && info->ai_family != family)
			continue;
		fd = listen_address(info, any);
		if (fd >= 0 || errno == EADDRINUSE)
			break;
	}
	return fd;
}

static int
listen_inet(const struct bmx_endpoint *endpoint, struct bmx_error *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
	                               .ai_socktype = SOCK_STREAM,
	                               .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	const bool any = endpoint->host[0] == '\0';
	struct addrinfo *list = NULL;
	char port[8];
	int rc, fd = -1;

	(void)snprintf(port, sizeof(port), "%u", (unsigned)endpoint->port);
	rc = getaddrinfo(any ? NULL : endpoint->host, port, &hints, &list);
	if (rc != 0)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "cannot listen on inet:%s:%s: %s: check "
		                     "the name, or write an address",
		                     endpoint->host, port, gai_strerror(rc));
	if (any)
		fd = listen_first(list, AF_INET6, true);
	if (fd < 0 && !(any && errno == EADDRINUSE))
		fd = listen_first(list, any ? AF_INET : AF_UNSPEC, false);
	if (fd < 0)
		(void)inet_error(endpoint, errno, err);
	freeaddrinfo(list);
	return fd;
}

int
bmx_endpoint_listen(const struct bmx_endpoint *endpoint,
                    const struct bmx_endpoint_owner *owner,
                    struct bmx_error *err)
{
	if (endpoint->kind == BMX_ENDPOINT_UNIX)
		return listen_unix(endpoint->path, owner, err);
	return listen_inet(endpoint, err);
}
