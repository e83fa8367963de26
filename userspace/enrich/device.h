/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device number is: camera, microphone or neither, and its names for people. From sysfs and
 * the node's own capabilities (VIDIOC_QUERYCAP), never from the name of the node.
 *
 * To ask a node, it is opened for reading, without waiting, and closed again: an access like any
 * other, which the caller keeps from being reported.
 */
#ifndef CW_DEVICE_H
#define CW_DEVICE_H

#include "model/event.h"

struct cw_device_info {
	enum cw_asset_kind kind; /* CW_ASSET_NONE: neither a camera nor a microphone */
	const char *why_not;	 /* for CW_ASSET_NONE, a literal: "a video codec", "playback" */
	uint32_t dev_major;
	uint32_t dev_minor;
	char node[64]; /* "/dev/video0" */
	char by_id[256]; /* "" if udev made none */
	char driver[64];
	char bus[128]; /* as V4L2 has it: "usb-0000:00:14.0-1", "PCI:0000:01:00.0", "platform:…" */
	char card[128];
};

/*
 * `root` is "/" live; tests give a directory with dev/ and sys/ in it (then a file
 * sys/dev/char/MAJ:MIN/camwarden_caps with a hexadecimal number stands for the device_caps of
 * QUERYCAP; what follows it on the line, if anything, for the name of the driver).
 * -ENOENT: no such device. A node that cannot be asked (busy, no permission) counts as what its
 * class says: a video4linux node is a camera unless it is known not to be. A usbfs node is a camera
 * if the device has an interface of the video class (libuvc needs no driver of the kernel), or a
 * microphone if it has one that records sound; so is a usbmon node if such a device is on its bus.
 */
int cw_device_identify(const char *root, uint32_t dev_major, uint32_t dev_minor,
		       struct cw_device_info *ret_info);
/* The same without opening the node: what only the driver can tell apart counts as a camera. */
int cw_device_look(uint32_t dev_major, uint32_t dev_minor, struct cw_device_info *ret_info);
/*
 * All video4linux, media and sound capture devices, and what usbfs and usbmon show of cameras and
 * microphones, by device number; the caller frees the array. None is no error: 0 and NULL.
 */
int cw_device_list(const char *root, struct cw_device_info **ret_devices, size_t *ret_n);

#endif
