// SPDX-License-Identifier: Apache-2.0
/*
 * The other devices: V4L2 and media nodes beside the camera, sound cards, and attempts that
 * the kernel refuses before any driver sees them.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <linux/usb/ch9.h>
#include <linux/usb/video.h>
#include <linux/usbdevice_fs.h>
#include <sound/asound.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attacks.h"

#define VIDEO_MAJOR 81
#define MINORS 256
#define SAMPLES 4800
#define RATE 48000

/* A node which answers neither question (v4l-subdev) was still opened. */
static int prove_node(const struct attack *a, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;
	struct stat st;

	if (fd < 0 && errno == EACCES && geteuid())
		return attack_skip(a, "not root, cannot open %s", path);
	if (fd < 0 || fstat(fd, &st))
		return attack_fail(a, "open %s", path);
	err = attack_prove(a, fd, path);
	if (err == -ENOTTY) {
		a->result->error = 0;
		err = attack_reached(a, &st, path, "opened");
	}
	close(fd);
	return err;
}

/* All nodes but the target; the first is the one that is told. */
static int open_nodes(const struct attack *a, const char *pattern)
{
	int err = 0, first = -1;
	struct stat st;
	glob_t found;
	size_t i;

	if (glob(pattern, 0, NULL, &found))
		return attack_skip(a, "no %s", pattern);
	for (i = 0; !err && i < found.gl_pathc; i++) {
		if (a->camera && !stat(found.gl_pathv[i], &st) &&
		    st.st_rdev == a->stat.st_rdev)
			continue;
		err = prove_node(a, found.gl_pathv[i]);
		if (err || a->result->skipped[0])
			break;
		if (first < 0)
			first = (int)i;
		a->result->objects++;
	}
	if (a->result->skipped[0])
		err = 0;
	else if (!err && first < 0)
		err = attack_skip(a, "no other %s", pattern);
	else if (!err && a->result->objects > 1)
		err = prove_node(a, found.gl_pathv[first]);
	globfree(&found);
	return err;
}

static int run_video(const struct attack *a)
{
	return open_nodes(a, "/dev/video*");
}

static int run_vbi(const struct attack *a)
{
	return open_nodes(a, "/dev/vbi*");
}

static int run_radio(const struct attack *a)
{
	return open_nodes(a, "/dev/radio*");
}

static int run_swradio(const struct attack *a)
{
	return open_nodes(a, "/dev/swradio*");
}

static int run_touch(const struct attack *a)
{
	return open_nodes(a, "/dev/v4l-touch*");
}

static int run_media(const struct attack *a)
{
	return open_nodes(a, "/dev/media*");
}

static int run_subdev(const struct attack *a)
{
	return open_nodes(a, "/dev/v4l-subdev*");
}

/* Opens the first sound device; 0 with "skipped" set if there is none. */
static int open_sound(const struct attack *a, const char *pattern, struct stat *ret_st,
		      int *ret_fd)
{
	glob_t found;
	int err = 0;

	if (glob(pattern, 0, NULL, &found))
		return attack_skip(a, "no %s", pattern);
	snprintf(a->result->object, sizeof(a->result->object), "%s", found.gl_pathv[0]);
	*ret_fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (*ret_fd < 0 && errno == EACCES && geteuid())
		err = attack_skip(a, "not root, cannot open %s", found.gl_pathv[0]);
	else if (*ret_fd < 0 || fstat(*ret_fd, ret_st))
		err = attack_fail(a, "open %s", found.gl_pathv[0]);
	globfree(&found);
	return err;
}

static int ask_sound(const struct attack *a, const char *pattern, int stream)
{
	struct snd_pcm_info info;
	struct stat st;
	int fd = -1, err = open_sound(a, pattern, &st, &fd);

	if (err || a->result->skipped[0])
		return err;
	memset(&info, 0, sizeof(info));
	if (ioctl(fd, SNDRV_PCM_IOCTL_INFO, &info))
		return attack_fail(a, "SNDRV_PCM_IOCTL_INFO");
	close(fd);
	errno = EBADMSG;
	if ((int)info.stream != stream)
		return attack_fail(a, "direction %d", (int)info.stream);
	return attack_reached(a, &st, text_of("%s", a->result->object), "SNDRV_PCM_IOCTL_INFO");
}

static int run_capture(const struct attack *a)
{
	return ask_sound(a, "/dev/snd/pcmC*D*c", SNDRV_PCM_STREAM_CAPTURE);
}

static int run_playback(const struct attack *a)
{
	a->result->benign = true;
	return ask_sound(a, "/dev/snd/pcmC*D*p", SNDRV_PCM_STREAM_PLAYBACK);
}

static void set_mask(struct snd_pcm_hw_params *p, int parameter, unsigned int value)
{
	struct snd_mask *mask = &p->masks[parameter - SNDRV_PCM_HW_PARAM_FIRST_MASK];

	memset(mask, 0, sizeof(*mask));
	mask->bits[value / 32] = 1U << value % 32;
}

static void set_interval(struct snd_pcm_hw_params *p, int parameter, unsigned int value)
{
	struct snd_interval *interval =
		&p->intervals[parameter - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL];

	interval->min = interval->max = value;
	interval->integer = 1;
}

static int set_up_sound(int fd, unsigned int channels)
{
	struct snd_pcm_hw_params p;
	size_t i;

	memset(&p, 0, sizeof(p));
	memset(p.masks, 0xff, sizeof(p.masks));
	for (i = 0; i < ARRAY_SIZE(p.intervals); i++)
		p.intervals[i].max = UINT32_MAX;
	p.rmask = UINT32_MAX;
	set_mask(&p, SNDRV_PCM_HW_PARAM_ACCESS, (unsigned int)SNDRV_PCM_ACCESS_RW_INTERLEAVED);
	set_mask(&p, SNDRV_PCM_HW_PARAM_FORMAT, (unsigned int)SNDRV_PCM_FORMAT_S16_LE);
	set_mask(&p, SNDRV_PCM_HW_PARAM_SUBFORMAT, (unsigned int)SNDRV_PCM_SUBFORMAT_STD);
	set_interval(&p, SNDRV_PCM_HW_PARAM_CHANNELS, channels);
	set_interval(&p, SNDRV_PCM_HW_PARAM_RATE, RATE);
	return ioctl(fd, SNDRV_PCM_IOCTL_HW_PARAMS, &p) ? -errno : 0;
}

/* How many samples of each channel were had, or a negative errno. */
static long get_samples(int fd, bool by_read, short *samples, unsigned int channels)
{
	struct snd_xferi transfer = {.buf = samples, .frames = SAMPLES};
	size_t size = channels * sizeof(*samples);
	ssize_t n;

	if (!by_read)
		return ioctl(fd, SNDRV_PCM_IOCTL_READI_FRAMES, &transfer) ? -errno :
									    transfer.result;
	n = read(fd, samples, SAMPLES * size);
	return n < 0 ? -errno : n / (long)size;
}

static int record(const struct attack *a, bool by_read, const char *how)
{
	static short samples[SAMPLES * 2];
	unsigned int channels = 2;
	struct stat st;
	int fd = -1, err = open_sound(a, "/dev/snd/pcmC*D*c", &st, &fd);
	long n;

	if (err || a->result->skipped[0])
		return err;
	if (fcntl(fd, F_SETFL, 0) ||
	    (set_up_sound(fd, channels) && set_up_sound(fd, channels = 1)))
		return attack_fail(a, "SNDRV_PCM_IOCTL_HW_PARAMS");
	if (ioctl(fd, SNDRV_PCM_IOCTL_PREPARE))
		return attack_fail(a, "SNDRV_PCM_IOCTL_PREPARE");
	n = get_samples(fd, by_read, samples, channels);
	close(fd);
	errno = n < 0 ? (int)-n : ENODATA;
	if (n < 1)
		return attack_fail(a, "%s", how);
	a->result->frames = (unsigned int)n;
	return attack_reached(a, &st, text_of("%s", a->result->object), how);
}

static int run_record(const struct attack *a)
{
	return record(a, false, "samples by SNDRV_PCM_IOCTL_READI_FRAMES");
}

static int run_read(const struct attack *a)
{
	return record(a, true, "samples by read");
}

static int read_number(const char *directory, const char *name, const char *format,
		       unsigned int *ret_number)
{
	FILE *f = fopen(text_of("%s/%s", directory, name), "re");
	int n = f ? fscanf(f, format, ret_number) : 0;

	if (f)
		fclose(f);
	return n == 1 ? 0 : -ENOENT;
}

/* Sets interface and the name of the usbfs node of the first video interface on any bus. */
static char *find_usb_camera(unsigned int *ret_interface)
{
	unsigned int class, bus, device, interface;
	char *node = NULL;
	glob_t found;
	size_t i;

	if (glob("/sys/bus/usb/devices/*:*", 0, NULL, &found))
		return NULL;
	for (i = 0; !node && i < found.gl_pathc; i++) {
		const char *at = found.gl_pathv[i];

		if (read_number(at, "bInterfaceClass", "%x", &class) || class != USB_CLASS_VIDEO ||
		    read_number(at, "bInterfaceNumber", "%x", &interface) ||
		    read_number(at, "../busnum", "%u", &bus) ||
		    read_number(at, "../devnum", "%u", &device))
			continue;
		*ret_interface = interface;
		node = text_of("/dev/bus/usb/%03u/%03u", bus, device);
	}
	globfree(&found);
	return node;
}

/* A driver may have the interface, or none: both will do. */
static int take_interface(int fd, unsigned int interface)
{
	struct usbdevfs_ioctl disconnect = {.ifno = (int)interface,
					    .ioctl_code = USBDEVFS_DISCONNECT};

	if (ioctl(fd, USBDEVFS_IOCTL, &disconnect) < 0 && errno != ENODATA)
		return -errno;
	return ioctl(fd, USBDEVFS_CLAIMINTERFACE, &interface) ? -errno : 0;
}

static int give_interface(int fd, unsigned int interface)
{
	struct usbdevfs_ioctl connect = {.ifno = (int)interface, .ioctl_code = USBDEVFS_CONNECT};

	return ioctl(fd, USBDEVFS_RELEASEINTERFACE, &interface) ||
	       ioctl(fd, USBDEVFS_IOCTL, &connect) < 0 ? -errno : 0;
}

/* Asks the camera itself how it would stream: as libuvc begins, without the kernel's driver. */
static int ask_camera(int fd, unsigned int control)
{
	unsigned char data[34] = {0};
	struct usbdevfs_ctrltransfer get = {
		.bRequestType = USB_DIR_IN | USB_TYPE_STANDARD | USB_RECIP_DEVICE,
		.bRequest = USB_REQ_GET_DESCRIPTOR, .wValue = USB_DT_DEVICE << 8,
		.wLength = USB_DT_DEVICE_SIZE, .timeout = 2000, .data = data};
	int n = ioctl(fd, USBDEVFS_CONTROL, &get);

	if (n != USB_DT_DEVICE_SIZE || data[1] != USB_DT_DEVICE)
		return n < 0 ? -errno : -EBADMSG;
	get.bRequestType = USB_DIR_IN | USB_TYPE_CLASS | USB_RECIP_INTERFACE;
	get.bRequest = UVC_GET_DEF;
	get.wValue = UVC_VS_PROBE_CONTROL << 8;
	get.wIndex = (unsigned short)(control + 1);
	get.wLength = 26;
	n = ioctl(fd, USBDEVFS_CONTROL, &get);
	/* bFormatIndex: they count from 1. */
	return n < 26 ? n < 0 ? -errno : -EBADMSG : data[2] ? 0 : -EBADMSG;
}

static int run_usbfs(const struct attack *a)
{
	unsigned int interface = 0;
	const char *node = find_usb_camera(&interface);
	struct stat st;
	int fd, err;

	if (!node)
		return attack_skip(a, "no USB device has a video interface");
	fd = open(node, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && geteuid())
		return attack_skip(a, "not root, cannot open %s", node);
	if (fd < 0 || fstat(fd, &st))
		return attack_fail(a, "open %s", node);
	err = take_interface(fd, interface + 1);
	if (!err)
		err = take_interface(fd, interface);
	if (!err)
		err = ask_camera(fd, interface);
	give_interface(fd, interface + 1);
	give_interface(fd, interface);
	close(fd);
	errno = -err;
	return err ? attack_fail(a, "ask the camera through %s", node) :
		     attack_reached(a, &st, node, "control transfers");
}

static int expect(const struct attack *a, const struct stat *st, const char *path, int error,
		  const char *how)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == error)
		return attack_denied(a, st, path, -error, how);
	if (fd >= 0)
		errno = 0;
	return attack_fail(a, "open %s, which should be refused (%s)", path, strerror(error));
}

static int run_nobody(const struct attack *a)
{
	if (geteuid())
		return attack_skip(a, "not root, cannot become nobody");
	if (a->stat.st_mode & 0004 || a->stat.st_uid == ATTACK_NOBODY ||
	    a->stat.st_gid == ATTACK_NOBODY)
		return attack_skip(a, "nobody may open %s", a->target);
	if (setgroups(0, NULL) || setresgid(ATTACK_NOBODY, ATTACK_NOBODY, ATTACK_NOBODY) ||
	    setresuid(ATTACK_NOBODY, ATTACK_NOBODY, ATTACK_NOBODY))
		return attack_fail(a, "become nobody");
	return expect(a, &a->stat, a->target, EACCES, "open as nobody");
}

static int run_no_device(const struct attack *a)
{
	const char *path = text_of("%s/node", a->tmp);
	unsigned int number = MINORS;
	struct stat st;

	while (number && !access(text_of("/sys/dev/char/%d:%u", VIDEO_MAJOR, number - 1), F_OK))
		number--;
	if (!number)
		return attack_skip(a, "every minor number is in use");
	if (mknod(path, S_IFCHR | 0600, makedev(VIDEO_MAJOR, number - 1)))
		return attack_cannot(a, "mknod %s", path);
	if (stat(path, &st))
		return attack_fail(a, "stat %s", path);
	return expect(a, &st, path, ENXIO, "open of a number without a device");
}

const struct attack_case cases_devices[] = {
	{"other-video", 28, NEEDS_ANY, "all other /dev/video*", run_video},
	{"other-vbi", 28, NEEDS_ANY, "all /dev/vbi*", run_vbi},
	{"other-radio", 28, NEEDS_ANY, "all /dev/radio*", run_radio},
	{"other-swradio", 28, NEEDS_ANY, "all /dev/swradio*", run_swradio},
	{"other-touch", 28, NEEDS_ANY, "all /dev/v4l-touch*", run_touch},
	{"other-media", 28, NEEDS_ANY, "all /dev/media*", run_media},
	{"other-subdev", 28, NEEDS_ANY, "all /dev/v4l-subdev*", run_subdev},
	{"alsa-capture", 29, NEEDS_ANY, "open of a sound card's capture device", run_capture},
	{"alsa-record", 29, NEEDS_ANY, "samples recorded from it", run_record},
	{"alsa-read", 29, NEEDS_ANY, "the same by read", run_read},
	{"alsa-playback", 29, NEEDS_ANY, "open of the playback device: no microphone",
	 run_playback},
	{"usbfs", 30, NEEDS_ANY, "a USB camera claimed and asked through its usbfs node",
	 run_usbfs},
	{"denied-nobody", 1, NEEDS_ANY, "open as nobody: EACCES", run_nobody},
	{"denied-number", 5, NEEDS_ANY, "node of major 81 without a device: ENXIO", run_no_device},
	{0},
};
