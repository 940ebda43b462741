/* NVML for tests: the same devices as cuda.c, all of them. FAKE_NVML_ERROR is what nvmlInit_v2 answers;
   a name that ends in "MIG" is a device divided by MIG. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef DEVICES
#define DEVICES ""
#endif

static struct { char uuid[64]; char name[64]; unsigned long long bytes; } all[16];
static int known = 0;

int nvmlInit_v2(void) {
    char text[2048], *save, *one;
    if (getenv("FAKE_NVML_ERROR")) return atoi(getenv("FAKE_NVML_ERROR"));
    snprintf(text, sizeof text, "%s", getenv("FAKE_GPUS") ? getenv("FAKE_GPUS") : DEVICES);
    known = 0;
    for (one = strtok_r(text, ";", &save); one && known < 16; one = strtok_r(NULL, ";", &save))
        if (sscanf(one, "%63[^,],%63[^,],%llu", all[known].uuid, all[known].name, &all[known].bytes) == 3) known++;
    return 0;
}
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = known; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) { *device = &all[index]; return 0; }
int nvmlDeviceGetUUID(void *device, char *text, unsigned int size) { snprintf(text, size, "%s", (char *)device); return 0; }
int nvmlDeviceGetName(void *device, char *text, unsigned int size) { snprintf(text, size, "%s", (char *)device + 64); return 0; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    for (int index = 0; index < known; index++)
        if (!strcmp(all[index].uuid, uuid)) { *device = &all[index]; return 0; }
    return 6;
}
/* FAKE_GPU_USE: percent of the time, and bytes of memory in use. Without it a device tells no percentage. */
int nvmlDeviceGetUtilizationRates(void *device, unsigned int *rates) {
    if (!getenv("FAKE_GPU_USE")) return 3;
    rates[0] = rates[1] = (unsigned int)atoi(getenv("FAKE_GPU_USE"));
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *memory) {
    const char *use = getenv("FAKE_GPU_USE");
    memory[0] = *(unsigned long long *)((char *)device + 128);
    memory[2] = use && strchr(use, ',') ? strtoull(strchr(use, ',') + 1, NULL, 10) : 0;
    memory[1] = memory[0] - memory[2];
    return 0;
}
int nvmlDeviceGetMigMode(void *device, unsigned int *current, unsigned int *pending) {
    const char *name = (char *)device + 64;
    size_t length = strlen(name);
    *current = *pending = length > 3 && !strcmp(name + length - 3, "MIG");
    return 0;
}
const char *nvmlErrorString(int error) { return error == 18 ? "Driver/library version mismatch" : "Unknown Error"; }
