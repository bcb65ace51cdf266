//! Network namespaces and devices.

use crate::table::Group::Structure;
use crate::table::{row, rows};

rows! {
    NETWORKS = row(Structure, &["net_namespace_list"])
        .proves("The list of network namespaces returns to its head, and the first namespace is in it.")
        .reads(&["list_head.next", "list_head.prev", "net.list", "&init_net", "&net_namespace_list"]);

    DEVICES = row(Structure, &["net.dev_base_head"])
        .proves("The list of network devices returns to its head, and all back pointers agree.")
        .reads(&["list_head.next", "list_head.prev", "net.dev_base_head", "net_device.dev_list", "&init_net"]);

    DEVICE_NAME = row(Structure, &["net_device.name"])
        .proves("A device has a printable name.")
        .reads(&["net_device.name"]);

    DEVICE_NETWORK = row(Structure, &["net_device.nd_net"])
        .proves("The devices in the first namespace's list belong to it.")
        .reads(&["net_device.nd_net", "possible_net_t.net", "&init_net"]);

    DEVICE_NUMBER = row(Structure, &["net_device.ifindex, mtu"])
        .proves("A device has a number and the size of a packet.")
        .reads(&["net_device.ifindex", "net_device.mtu"]);

    LOOPBACK = row(Structure, &["net.loopback_dev"])
        .proves("The loopback device is called `lo`, has number 1, and is of its kind.")
        .reads(&[
            "net.loopback_dev", "net_device.flags", "net_device.ifindex", "net_device.mtu",
            "net_device.name", "net_device.type", "&init_net",
        ]);
}
