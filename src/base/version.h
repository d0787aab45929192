/* SPDX-License-Identifier: Apache-2.0 */
/* version.h - which bguard this is. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define BGUARD_VERSION "0.2.0"

#endif
