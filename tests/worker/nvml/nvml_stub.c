/* A stand-in for libnvidia-ml.so.1 with NVML's real ABI. Readings come from the text file that the environment
   variable NVML_STUB_STATE names: lines of key=value, read anew at every call, so that a test can change them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPUS_MAX 16
#define LOST 15
#define NOT_SUPPORTED 3
#define INVALID_ARGUMENT 2

typedef int Result;
typedef struct { int index; } *Device;
static struct { int index; } devices[GPUS_MAX];

static long long state(const char *key, long long otherwise) {
    const char *path = getenv("NVML_STUB_STATE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[256];
    size_t length = strlen(key);
    long long value = otherwise;
    if (!file) return otherwise;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, key, length) && line[length] == '=') value = atoll(line + length + 1);
    fclose(file);
    return value;
}

static long long of(Device device, const char *key, long long otherwise) {
    char name[64];
    snprintf(name, sizeof name, "gpu%d.%s", device->index, key);
    return state(name, otherwise);
}

static Result error_of(Device device) { return (Result)of(device, "error", 0); }

Result nvmlInitWithFlags(unsigned flags) { (void)flags; return (Result)state("init.error", 0); }
Result nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
Result nvmlShutdown(void) { return 0; }

const char *nvmlErrorString(Result result) {
    switch (result) {
    case 0: return "Success";
    case NOT_SUPPORTED: return "Not Supported";
    case LOST: return "GPU is lost";
    default: return "Unknown Error";
    }
}

Result nvmlDeviceGetCount_v2(unsigned *count) {
    *count = (unsigned)state("count", 1);
    return (Result)state("count.error", 0);
}

Result nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *device) {
    if (index >= (unsigned)state("count", 1) || index >= GPUS_MAX) return INVALID_ARGUMENT;
    devices[index].index = (int)index;
    *device = (Device)&devices[index];
    return 0;
}

Result nvmlDeviceGetName(Device device, char *name, unsigned length) {
    snprintf(name, length, "Stub GPU %d", device->index);
    return error_of(device);
}

Result nvmlDeviceGetUUID(Device device, char *uuid, unsigned length) {
    snprintf(uuid, length, "GPU-00000000-0000-0000-0000-%012d", device->index);
    return error_of(device);
}

struct Memory { unsigned long long total, free, used; };

Result nvmlDeviceGetMemoryInfo(Device device, struct Memory *memory) {
    memory->total = (unsigned long long)of(device, "memory_total", 80LL << 30);
    memory->used = (unsigned long long)of(device, "memory_used", 1LL << 30);
    memory->free = memory->total - memory->used;
    return error_of(device);
}

Result nvmlDeviceGetUtilizationRates(Device device, unsigned rates[2]) {
    rates[0] = (unsigned)of(device, "utilisation", 0);
    rates[1] = 0;
    return error_of(device);
}

Result nvmlDeviceGetTemperature(Device device, int sensor, unsigned *celsius) {
    (void)sensor;
    *celsius = (unsigned)of(device, "temperature", 40);
    return error_of(device);
}

Result nvmlDeviceGetPowerUsage(Device device, unsigned *milliwatts) {
    if (of(device, "power_hidden", 0)) return NOT_SUPPORTED;
    *milliwatts = (unsigned)of(device, "milliwatts", 70000);
    return error_of(device);
}
