#include "ctl/doctor/settings.h"

#include <stdio.h>

#include "ctl/postfix/postconf.h"

bool
bmxctl_setting(const struct bmxctl_patient *patient, const char *name,
               char value_out[BMXCTL_SETTING_MAX])
{
	value_out[0] = '\0';
	if (!patient->postconf ||
	    !bmxctl_postconf_knows(patient->postconf, name))
		return false;
	(void)snprintf(value_out, BMXCTL_SETTING_MAX, "%s",
	               bmxctl_postconf_get(patient->postconf, name));
	return true;
}
