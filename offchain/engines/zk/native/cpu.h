// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "kernels.h"

namespace assay {

/** The fastest kernels that processor and operating system run. */
const Kernels& bestKernels();

/** Kernels by name ("ifma", "adx", "portable"); null if there are none of that name or this machine cannot run them. */
const Kernels* kernelsNamed(const char* name);

}  // namespace assay
