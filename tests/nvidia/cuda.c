/* A driver for tests: devices stand in FAKE_GPUS as "uuid,name,bytes;...", and CUDA_VISIBLE_DEVICES
   chooses among them by UUID as CUDA does. FAKE_CUDA_ERROR is what cuInit answers; FAKE_CUDA_HANG hangs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef DEVICES
#define DEVICES "" /* those of a process that has no FAKE_GPUS */
#endif

static struct { char uuid[64]; char name[64]; unsigned long long bytes; } all[16];
static int order[16], visible = 0, known = 0;

static void read_devices(void) {
    char text[2048], *save, *one;
    snprintf(text, sizeof text, "%s", getenv("FAKE_GPUS") ? getenv("FAKE_GPUS") : DEVICES);
    for (one = strtok_r(text, ";", &save); one && known < 16; one = strtok_r(NULL, ";", &save))
        if (sscanf(one, "%63[^,],%63[^,],%llu", all[known].uuid, all[known].name, &all[known].bytes) == 3) known++;
}

int cuInit(unsigned int flags) {
    char text[2048], *save, *one;
    const char *error = getenv("FAKE_CUDA_ERROR"), *chosen = getenv("CUDA_VISIBLE_DEVICES");
    if (getenv("FAKE_CUDA_HANG")) sleep(1000);
    if (error) return atoi(error);
    read_devices();
    if (!chosen) {
        for (; visible < known; visible++) order[visible] = visible;
        return known ? 0 : 100;
    }
    snprintf(text, sizeof text, "%s", chosen);
    for (one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        int found = -1;
        for (int n = 0; n < known; n++) if (!strcmp(all[n].uuid, one)) found = n;
        if (found < 0) break;
        order[visible++] = found;
    }
    return visible ? 0 : 100;
}
int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
int cuDeviceGetCount(int *count) { *count = visible; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return index < visible ? 0 : 101; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "%s", all[order[device]].name); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = all[order[device]].bytes; return 0; }
int cuDeviceGetUuid(unsigned char *bytes, int device) {
    const char *text = all[order[device]].uuid + 4; /* after GPU- */
    for (int n = 0; n < 16; n++) {
        unsigned int value;
        if (*text == '-') text++;
        if (sscanf(text, "%2x", &value) != 1) return 1;
        bytes[n] = value;
        text += 2;
    }
    return 0;
}
int cuGetErrorName(int error, const char **name) {
    *name = error == 100 ? "CUDA_ERROR_NO_DEVICE" : error == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : NULL;
    return *name ? 0 : 1;
}
