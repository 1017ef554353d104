#include <backupmx/notify.h>

#include <systemd/sd-daemon.h>

#include <backupmx/clock.h>

/*
 * Results are not used: without systemd there is nobody to tell, and a lost
 * notification must not change what the daemon does.
 */

void
bmx_notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void
bmx_notify_reloading(void)
{
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
	                 (long long)bmx_clock_mono_us(bmx_clock_system()));
}

void
bmx_notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

int64_t
bmx_notify_watchdog_ms(void)
{
	uint64_t us = 0;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	return (int64_t)(us / 2000);
}

void
bmx_notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

int
bmx_notify_passed(int *first_out)
{
	*first_out = SD_LISTEN_FDS_START;
	return sd_listen_fds(1);
}
