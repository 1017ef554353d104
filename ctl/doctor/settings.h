/*
 * settings.h - what the groups dns and primary ask of Postfix here.
 */
#ifndef BACKUPMX_CTL_DOCTOR_SETTINGS_H
#define BACKUPMX_CTL_DOCTOR_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/doctor/doctor.h"

/** Octets of a setting's value that are kept, terminator included. */
#define BMXCTL_SETTING_MAX ((size_t)1024)

/**
 * A setting of Postfix, with what it refers to filled in.
 * @return false when Postfix does not say: value_out is then ""
 */
bool bmxctl_setting(const struct bmxctl_patient *patient, const char *name,
                    char value_out[BMXCTL_SETTING_MAX]);

#endif
