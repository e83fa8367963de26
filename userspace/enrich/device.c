// SPDX-License-Identifier: Apache-2.0
/*
 * Identity of device nodes. Owns the knowledge of which class and which capabilities make a camera
 * or a microphone. Never keeps a node open, and never waits for one.
 *
 * When in doubt it is a camera: a false alarm is seen and corrected, a missed camera is not.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/media.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "enrich/device.h"

#define ATTR_SIZE	   4096 /* a page: the most that sysfs gives of an attribute */
#define DESCRIPTORS_SIZE   (64 * 1024)
#define ENTITIES_MAX	   64 /* of a media device that can be a codec's; those have three */
/* USB 2.0, 9.6.5 and 9.6.6: an interface's class and subclass, an endpoint's address and kind. */
#define USB_DT_INTERFACE   4
#define USB_DT_ENDPOINT	   5
#define USB_CLASS_AUDIO	   0x01
#define USB_AUDIO_STREAM   0x02 /* its subclass */
#define USB_CLASS_VIDEO    0x0e
#define USB_CLASS_AT	   5
#define USB_SUBCLASS_AT	   6
#define USB_ADDRESS_AT	   2
#define USB_KIND_AT	   3
#define USB_IN		   0x80
#define USB_TRANSFER	   0x03 /* of the kind */
#define USB_ISOCHRONOUS	   0x01

#define CAPTURE_CAPS                                                                        \
	(V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_OVERLAY |  \
	 V4L2_CAP_VBI_CAPTURE | V4L2_CAP_SLICED_VBI_CAPTURE | V4L2_CAP_RDS_CAPTURE |        \
	 V4L2_CAP_SDR_CAPTURE | V4L2_CAP_TOUCH)
#define OUTPUT_CAPS                                                                         \
	(V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_OUTPUT_MPLANE | V4L2_CAP_VIDEO_OUTPUT_OVERLAY | \
	 V4L2_CAP_VBI_OUTPUT | V4L2_CAP_SLICED_VBI_OUTPUT | V4L2_CAP_RDS_OUTPUT |           \
	 V4L2_CAP_SDR_OUTPUT | V4L2_CAP_META_OUTPUT | V4L2_CAP_MODULATOR)

/* The device that is being identified. */
struct probe {
	const char *root; /* without a slash at its end: "" live */
	int dir;	  /* its directory in sysfs */
	char dir_path[PATH_MAX];
	char name[64]; /* the kernel's for the node: "video0", "snd/pcmC0D0c" */
	bool ask;      /* the node may be opened */
	struct cw_device_info *info;
};

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Copies what fits. `src` need not end in NUL if it has `max` bytes. */
static void copy(char *dst, size_t size, const char *src, size_t max)
{
	size_t len = strnlen(src, max);

	if (len >= size)
		len = size - 1;
	memcpy(dst, src, len);
	dst[len] = '\0';
}

#define COPY_ARRAY(dst, src) copy(dst, sizeof(dst), (const char *)(src), sizeof(src))

CW_PRINTF(2, 3)
static int make_path(char ret_path[PATH_MAX], const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(ret_path, PATH_MAX, format, args);
	va_end(args);
	return n >= 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Whole attribute as it is; the length, or a negative errno. Adds a NUL. */
static ssize_t read_raw(int dir, const char *name, void *ret, size_t size)
{
	cw_auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, (char *)ret + len, size - 1 - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	((char *)ret)[len] = '\0';
	return (ssize_t)len;
}

/* First line of an attribute. */
static int read_line(int dir, const char *name, char *ret, size_t size)
{
	char text[ATTR_SIZE];
	ssize_t n = read_raw(dir, name, text, sizeof(text));

	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	copy(ret, size, text, sizeof(text));
	return 0;
}

/* Last component of what a symbolic link points to. */
static int read_link_name(int dir, const char *name, char *ret, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	copy(ret, size, base_name(target), strlen(base_name(target)));
	return 0;
}

/* DEVNAME of the uevent attribute. */
static int read_devname(int dir, char *ret, size_t size)
{
	char text[ATTR_SIZE], *rest = text, *line;
	ssize_t n = read_raw(dir, "uevent", text, sizeof(text));

	if (n < 0)
		return (int)n;
	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, "DEVNAME=", 8))
			continue;
		copy(ret, size, line + 8, strlen(line + 8));
		return 0;
	}
	return -ENOENT;
}

static void set_bus(struct cw_device_info *info, const char *kind, const char *name)
{
	size_t n = strlen(kind);

	memcpy(info->bus, kind, n);
	copy(info->bus + n, sizeof(info->bus) - n, name, strlen(name));
}

/* Sets the bus if the directory is a device on one that has addresses; false if it is not. */
static bool read_bus(int dir, const char *path, struct cw_device_info *info)
{
	char subsystem[64], devpath[64];
	const char *controller, *end;

	if (read_link_name(dir, "subsystem", subsystem, sizeof(subsystem)) < 0)
		return false;
	if (cw_streq(subsystem, "platform")) {
		set_bus(info, "platform:", base_name(path));
		return true;
	}
	if (cw_streq(subsystem, "pci")) {
		set_bus(info, "PCI:", base_name(path));
		return true;
	}
	/* An interface has no devpath; its parent, the device, has. */
	if (!cw_streq(subsystem, "usb") ||
	    read_line(dir, "devpath", devpath, sizeof(devpath)) < 0)
		return false;
	/* The controller is above the root hub: "…/0000:00:14.0/usb1/1-1". */
	end = strstr(path, "/usb");
	while (end && !isdigit((unsigned char)end[4]))
		end = strstr(end + 1, "/usb");
	if (!end)
		return false;
	for (controller = end; controller > path && controller[-1] != '/';)
		controller--;
	snprintf(info->bus, sizeof(info->bus), "usb-%.*s-%s", (int)(end - controller), controller,
		 devpath);
	return true;
}

/* Driver and bus from the nearest parents in sysfs that have them. */
static void read_parents(const struct probe *p)
{
	struct cw_device_info *info = p->info;
	char path[PATH_MAX];
	bool done = false;

	if (!realpath(p->dir_path, path))
		return;
	while (!done && strstr(path, "/sys/devices/")) {
		cw_auto_close int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0)
			return;
		if (!info->driver[0])
			read_link_name(dir, "driver", info->driver, sizeof(info->driver));
		done = read_bus(dir, path, info);
		*strrchr(path, '/') = '\0';
	}
}

/* Keeps the link of that directory whose target has the name; of several, the first by name. */
static void find_link(const struct probe *p, const char *where, const char *name)
{
	CW_CLEANUP(close_dir) DIR *dir = NULL;
	char *by_id = p->info->by_id, path[PATH_MAX], target[256];
	char found[sizeof(p->info->by_id)];
	const struct dirent *d;
	int n;

	if (by_id[0] || make_path(path, "%s%s", p->root, where) < 0)
		return;
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		if (read_link_name(dirfd(dir), d->d_name, target, sizeof(target)) < 0 ||
		    !cw_streq(target, name))
			continue;
		n = snprintf(found, sizeof(found), "%s/%s", where, d->d_name);
		/* A link that were cut would name nothing. */
		if (n > 0 && (size_t)n < sizeof(found) && (!by_id[0] || strcmp(found, by_id) < 0))
			memcpy(by_id, found, (size_t)n + 1);
	}
}

/* The node, open for questions, if it is the device that it should be. */
static int open_node(const struct probe *p)
{
	cw_auto_close int fd = -1;
	char path[PATH_MAX];
	struct stat st;
	int r = make_path(path, "%s/dev/%s", p->root, p->name);

	if (r < 0 || !p->ask)
		return r < 0 ? r : -EAGAIN;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(p->info->dev_major, p->info->dev_minor))
		return -ENODEV;
	return CW_TAKE_FD(fd);
}

/* What a test has put in place of the node. */
static int read_fake_caps(const struct probe *p, struct v4l2_capability *ret_cap)
{
	struct v4l2_capability cap = {};
	char text[128], *end;
	int r = read_line(p->dir, "camwarden_caps", text, sizeof(text));

	if (r < 0)
		return r;
	cap.capabilities = V4L2_CAP_DEVICE_CAPS;
	cap.device_caps = (uint32_t)strtoul(text, &end, 16);
	end += strspn(end, " ");
	copy((char *)cap.driver, sizeof(cap.driver), end, strlen(end));
	*ret_cap = cap;
	return 0;
}

static int query_caps(const struct probe *p, struct v4l2_capability *ret_cap)
{
	cw_auto_close int fd = -1;
	struct v4l2_capability cap = {};

	if (p->root[0] && !read_fake_caps(p, ret_cap))
		return 0;
	fd = open_node(p);
	if (fd < 0)
		return fd;
	/* v4l-subdev nodes have nothing to say here: cameras, like all that does not answer. */
	if (ioctl(fd, VIDIOC_QUERYCAP, &cap))
		return -errno;
	*ret_cap = cap;
	return 0;
}

/* NULL: it can capture, or nothing is known of it. */
static const char *why_not_camera(const struct v4l2_capability *cap)
{
	uint32_t caps = cap->capabilities & V4L2_CAP_DEVICE_CAPS ? cap->device_caps :
								   cap->capabilities;
	const uint32_t old_m2m = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_OUTPUT_MPLANE;
	const uint32_t fm_read = V4L2_CAP_RADIO | V4L2_CAP_TUNER | V4L2_CAP_READWRITE;

	/* With exclusive_caps it is an output until a producer comes, and a camera from then on. */
	if (!strncmp((const char *)cap->driver, "v4l2 loopback", sizeof(cap->driver)))
		return NULL;
	/* Before Linux 3.5 and in old drivers, codecs said both instead of M2M. */
	if (caps & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE) || (caps & old_m2m) == old_m2m)
		return "a video codec";
	if (caps & CAPTURE_CAPS)
		return NULL;
	if (caps & OUTPUT_CAPS)
		return "an output";
	if (caps & V4L2_CAP_META_CAPTURE)
		return "a metadata node";
	if (caps & V4L2_CAP_RADIO && (caps & fm_read) != fm_read)
		return "a radio tuner";
	return NULL;
}

static void identify_video(struct probe *p)
{
	struct cw_device_info *info = p->info;
	struct v4l2_capability cap = {};

	info->kind = CW_ASSET_CAMERA;
	read_line(p->dir, "name", info->card, sizeof(info->card));
	find_link(p, "/dev/v4l/by-id", base_name(p->name));
	find_link(p, "/dev/v4l/by-path", base_name(p->name));
	if (query_caps(p, &cap) < 0)
		return;
	if (cap.driver[0])
		COPY_ARRAY(info->driver, cap.driver);
	if (cap.card[0])
		COPY_ARRAY(info->card, cap.card);
	if (cap.bus_info[0])
		COPY_ARRAY(info->bus, cap.bus_info);
	info->why_not = why_not_camera(&cap);
	if (info->why_not)
		info->kind = CW_ASSET_NONE;
}

/* True for the graph of a codec: its core, and nodes to feed it. Cameras have more than that. */
static bool is_codec_graph(int fd)
{
	struct media_v2_entity entities[ENTITIES_MAX] = {};
	struct media_v2_topology t = {};
	bool codec = false;

	/* The first call counts. */
	if (ioctl(fd, MEDIA_IOC_G_TOPOLOGY, &t) || t.num_entities > ENTITIES_MAX)
		return false;
	t = (struct media_v2_topology){ .num_entities = ENTITIES_MAX,
					.ptr_entities = (uintptr_t)entities };
	if (ioctl(fd, MEDIA_IOC_G_TOPOLOGY, &t) || t.num_entities > ENTITIES_MAX)
		return false;
	for (uint32_t i = 0; i < t.num_entities; i++) {
		switch (entities[i].function) {
		case MEDIA_ENT_F_PROC_VIDEO_ENCODER:
		case MEDIA_ENT_F_PROC_VIDEO_DECODER:
			codec = true;
			break;
		case MEDIA_ENT_F_IO_V4L:
			break;
		default:
			return false;
		}
	}
	return codec;
}

static void identify_media(struct probe *p)
{
	cw_auto_close int fd = open_node(p);
	struct cw_device_info *info = p->info;
	struct media_device_info media = {};

	info->kind = CW_ASSET_CAMERA;
	read_line(p->dir, "model", info->card, sizeof(info->card));
	if (fd < 0 || ioctl(fd, MEDIA_IOC_DEVICE_INFO, &media))
		return;
	if (media.driver[0])
		COPY_ARRAY(info->driver, media.driver);
	if (media.model[0])
		COPY_ARRAY(info->card, media.model);
	if (media.bus_info[0])
		COPY_ARRAY(info->bus, media.bus_info);
	if (is_codec_graph(fd)) {
		info->kind = CW_ASSET_NONE;
		info->why_not = "a video codec";
	}
}

/*
 * NULL: it records. The sound class has no attribute for that, the kernel's name is the interface:
 * "pcmC0D0c". The old OSS nodes, if the kernel still makes them, record and play.
 */
static const char *why_not_microphone(const char *name)
{
	static const struct {
		const char *prefix, *why_not;
	} others[] = {
		{ "controlC", "a control device" },
		{ "hwC", "a hardware control node" },
		{ "midi", "a MIDI port" },
		{ "ump", "a MIDI port" },
		{ "comprC", "a compressed stream" },
		{ "seq", "a sequencer" },
		{ "timer", "a timer" },
		{ "mixer", "a mixer" },
	};
	unsigned int card, device;
	char direction, more;

	if (sscanf(name, "pcmC%uD%u%c%c", &card, &device, &direction, &more) == 3)
		return direction == 'c' ? NULL : "playback";
	if (!strncmp(name, "dsp", 3) || !strncmp(name, "adsp", 4) || !strncmp(name, "audio", 5))
		return NULL;
	for (size_t i = 0; i < CW_ARRAY_SIZE(others); i++)
		if (!strncmp(name, others[i].prefix, strlen(others[i].prefix)))
			return others[i].why_not;
	return "not a capture device";
}

static void identify_sound(struct probe *p)
{
	struct cw_device_info *info = p->info;
	char card[64], control[80], id[PATH_MAX];

	info->why_not = why_not_microphone(base_name(p->name));
	info->kind = info->why_not ? CW_ASSET_NONE : CW_ASSET_MICROPHONE;
	/* "card0"; sequencer and timer belong to none. */
	if (read_link_name(p->dir, "device", card, sizeof(card)) < 0 || strncmp(card, "card", 4))
		return;
	if (read_line(p->dir, "device/id", info->card, sizeof(info->card)) < 0 &&
	    !make_path(id, "%s/proc/asound/%s/id", p->root, card))
		read_line(AT_FDCWD, id, info->card, sizeof(info->card));
	/* udev's links are for the card and point to its control device. */
	snprintf(control, sizeof(control), "controlC%s", card + 4);
	find_link(p, "/dev/snd/by-id", control);
	find_link(p, "/dev/snd/by-path", control);
}

/* What a USB device records, by the interfaces of its configurations. */
static enum cw_asset_kind usb_records(int dir)
{
	cw_auto_free unsigned char *d = malloc(DESCRIPTORS_SIZE);
	ssize_t len = d ? read_raw(dir, "descriptors", d, DESCRIPTORS_SIZE) : -ENOMEM;
	enum cw_asset_kind kind = CW_ASSET_NONE;
	bool audio = false;

	/*
	 * Each starts with its length and type. Of a stream of sound the first endpoint is that of
	 * the sound; by a second one a loudspeaker tells of its clock.
	 */
	for (ssize_t at = 0; at + 2 <= len && d[at] >= 2; at += d[at]) {
		const unsigned char *one = d + at;

		if (at + one[0] > len)
			break;
		if (one[1] == USB_DT_INTERFACE && one[0] > USB_SUBCLASS_AT) {
			if (one[USB_CLASS_AT] == USB_CLASS_VIDEO)
				return CW_ASSET_CAMERA;
			audio = one[USB_CLASS_AT] == USB_CLASS_AUDIO &&
				one[USB_SUBCLASS_AT] == USB_AUDIO_STREAM;
		} else if (audio && one[1] == USB_DT_ENDPOINT && one[0] > USB_KIND_AT) {
			if (one[USB_ADDRESS_AT] & USB_IN &&
			    (one[USB_KIND_AT] & USB_TRANSFER) == USB_ISOCHRONOUS)
				kind = CW_ASSET_MICROPHONE;
			audio = false;
		}
	}
	return kind;
}

static void identify_usb(struct probe *p)
{
	struct cw_device_info *info = p->info;

	if (read_line(p->dir, "product", info->card, sizeof(info->card)) < 0)
		read_line(p->dir, "manufacturer", info->card, sizeof(info->card));
	info->kind = usb_records(p->dir);
	if (info->kind == CW_ASSET_NONE)
		info->why_not = "a USB device without video or a microphone";
}

/*
 * usbmon shows what passes on a bus, or with number 0 on all: pictures, too. It is what the best of
 * the devices there is.
 */
static void identify_bus(struct probe *p)
{
	CW_CLEANUP(close_dir) DIR *list = NULL;
	struct cw_device_info *info = p->info;
	unsigned int bus, number;
	const struct dirent *d;
	char path[PATH_MAX], text[16];

	info->why_not = "a USB bus without a camera or a microphone";
	if (sscanf(p->name, "usbmon%u", &bus) != 1 ||
	    make_path(path, "%s/sys/bus/usb/devices", p->root) < 0)
		return;
	list = opendir(path);
	while (list && info->kind != CW_ASSET_CAMERA && (d = readdir(list))) {
		cw_auto_close int dir = openat(dirfd(list), d->d_name,
					       O_PATH | O_DIRECTORY | O_CLOEXEC);
		enum cw_asset_kind kind;

		/* Interfaces have no such number. */
		if (dir < 0 || read_line(dir, "busnum", text, sizeof(text)) < 0 ||
		    sscanf(text, "%u", &number) != 1 || (bus && number != bus))
			continue;
		kind = usb_records(dir);
		if (kind == CW_ASSET_NONE)
			continue;
		info->kind = kind;
		info->why_not = NULL;
		read_line(dir, "product", info->card, sizeof(info->card));
	}
}

static void identify_by_class(struct probe *p)
{
	static const struct {
		const char *subsystem;
		void (*identify)(struct probe *p);
	} classes[] = {
		{ "video4linux", identify_video },
		{ "media", identify_media },
		{ "sound", identify_sound },
		{ "usb", identify_usb },
		{ "usbmon", identify_bus },
	};
	char subsystem[64] = "";

	read_link_name(p->dir, "subsystem", subsystem, sizeof(subsystem));
	for (size_t i = 0; i < CW_ARRAY_SIZE(classes); i++) {
		if (cw_streq(subsystem, classes[i].subsystem)) {
			classes[i].identify(p);
			return;
		}
	}
	p->info->why_not = "a device of another class";
}

static int identify(const char *root, uint32_t dev_major, uint32_t dev_minor, bool ask,
		    struct cw_device_info *ret_info)
{
	struct cw_device_info info = { .kind = CW_ASSET_NONE, .dev_major = dev_major,
				       .dev_minor = dev_minor };
	struct probe p = { .root = cw_streq(root, "/") ? "" : root, .info = &info, .ask = ask };
	cw_auto_close int dir = -1;
	int r = make_path(p.dir_path, "%s/sys/dev/char/%u:%u", p.root, dev_major, dev_minor);

	if (r < 0)
		return r;
	dir = open(p.dir_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	p.dir = dir;
	if (read_devname(dir, p.name, sizeof(p.name)) < 0)
		read_link_name(AT_FDCWD, p.dir_path, p.name, sizeof(p.name));
	/* One that were cut is longer than any the kernel makes. */
	if (snprintf(info.node, sizeof(info.node), "/dev/%s", p.name) >= (int)sizeof(info.node))
		info.node[0] = '\0';
	read_parents(&p);
	identify_by_class(&p);
	*ret_info = info;
	return 0;
}

int cw_device_identify(const char *root, uint32_t dev_major, uint32_t dev_minor,
		       struct cw_device_info *ret_info)
{
	return identify(root, dev_major, dev_minor, true, ret_info);
}

int cw_device_look(uint32_t dev_major, uint32_t dev_minor, struct cw_device_info *ret_info)
{
	return identify("/", dev_major, dev_minor, false, ret_info);
}

struct list {
	struct cw_device_info *devices;
	size_t n;
	size_t cap;
};

static int add(struct list *l, const struct cw_device_info *info)
{
	size_t cap = l->cap ? l->cap * 2 : 16;
	struct cw_device_info *p;

	if (l->n == l->cap) {
		p = realloc(l->devices, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		l->devices = p;
		l->cap = cap;
	}
	l->devices[l->n++] = *info;
	return 0;
}

static bool is_any(const struct cw_device_info *info)
{
	(void)info;
	return true;
}

static bool is_asset(const struct cw_device_info *info)
{
	return info->kind != CW_ASSET_NONE;
}

static int list_directory(const char *root, const char *where,
			  bool (*wanted)(const struct cw_device_info *), struct list *l)
{
	CW_CLEANUP(close_dir) DIR *dir = NULL;
	struct cw_device_info info;
	char path[PATH_MAX], number[32];
	unsigned int dev_major, dev_minor;
	const struct dirent *d;
	int r = make_path(path, "%s%s", cw_streq(root, "/") ? "" : root, where);

	if (r < 0)
		return r;
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		/* Cards and interfaces have no number; a device may go while it is looked at. */
		if (d->d_name[0] == '.' || make_path(path, "%s/dev", d->d_name) < 0 ||
		    read_line(dirfd(dir), path, number, sizeof(number)) < 0 ||
		    sscanf(number, "%u:%u", &dev_major, &dev_minor) != 2 ||
		    cw_device_identify(root, dev_major, dev_minor, &info) < 0 || !wanted(&info))
			continue;
		r = add(l, &info);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct cw_device_info *x = a, *y = b;

	if (x->dev_major != y->dev_major)
		return x->dev_major < y->dev_major ? -1 : 1;
	return x->dev_minor < y->dev_minor ? -1 : x->dev_minor > y->dev_minor;
}

int cw_device_list(const char *root, struct cw_device_info **ret_devices, size_t *ret_n)
{
	static const struct {
		const char *where;
		bool (*wanted)(const struct cw_device_info *info);
	} places[] = {
		{ "/sys/class/video4linux", is_any },
		{ "/sys/bus/media/devices", is_any },
		{ "/sys/class/sound", is_asset },
		{ "/sys/bus/usb/devices", is_asset },
		{ "/sys/class/usbmon", is_asset },
	};
	struct list l = {};
	int r;

	for (size_t i = 0; i < CW_ARRAY_SIZE(places); i++) {
		r = list_directory(root, places[i].where, places[i].wanted, &l);
		if (r < 0) {
			free(l.devices);
			return r;
		}
	}
	if (l.n)
		qsort(l.devices, l.n, sizeof(*l.devices), by_number);
	*ret_devices = l.devices;
	*ret_n = l.n;
	return 0;
}
