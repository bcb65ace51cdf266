//! Open files, directory entries, inodes and file systems.

use crate::table::Group::Structure;
use crate::table::{row, rows};

rows! {
    FILE_TABLE = row(Structure, &["files_struct.fdt, fdtable.max_fds, fd"])
        .proves(
            "The table of open files has as many places as it says, and its bits say which of them are \
            used.",
        )
        .reads(&[
            "fdtable.close_on_exec", "fdtable.fd", "fdtable.max_fds", "fdtable.open_fds", "files_struct.fdt",
            "task_struct.files",
        ]);

    NEXT_FILE = row(Structure, &["files_struct.next_fd, count"])
        .proves("All numbers below the next free one are used, and the table counts its users.")
        .reads(&[
            "fdtable.open_fds", "files_struct.count", "files_struct.fdt", "files_struct.next_fd",
            "task_struct.files",
        ]);

    NEXT_FILE_ABOVE_ZERO = row(Structure, &["files_struct.next_fd"])
        .proves("The next free number is above zero for some process.")
        .reads(&["files_struct.next_fd", "task_struct.files"]);

    FILE_INODE = row(Structure, &["file.f_path, f_inode"])
        .proves("A file's inode is that of its directory entry.")
        .reads(&["dentry.d_inode", "file.f_inode", "file.f_path", "path.dentry"]);

    FILE_MOUNT = row(Structure, &["file.f_path.mnt"])
        .proves("A file's mount is one of the entry's file system.")
        .reads(&[
            "dentry.d_sb", "file.f_path", "path.dentry", "path.mnt", "vfsmount.mnt_root", "vfsmount.mnt_sb",
        ]);

    FILE_MAPPING = row(Structure, &["file.f_mapping"])
        .proves("A file's pages are those of its inode.")
        .reads(&["file.f_inode", "file.f_mapping", "inode.i_mapping"]);

    FILE_OPERATIONS = row(Structure, &["file.f_op, inode.i_fop, i_op"])
        .proves("The operations of files and inodes are tables of the kernel or of a module.")
        .reads(&["file.f_inode", "file.f_op", "inode.i_fop", "inode.i_op"])
        .reads_elsewhere(&["&_text"]);

    FILE_USERS = row(Structure, &["file.f_count|file.f_ref, f_mode"])
        .proves("A file counts its users, and is open for reading, for writing, or as a path.")
        .reads(&["file.f_count", "file.f_mode", "file.f_ref"]);

    FILE_OPENER = row(Structure, &["file.f_cred"])
        .proves("The credentials with which a file was opened count their users.")
        .reads(&["cred.usage", "file.f_cred"]);

    ENTRY_NAME = row(Structure, &["dentry.d_name"])
        .proves("The name of a directory entry is printable and as long as it says.")
        .reads(&["dentry.d_name", "qstr.len", "qstr.name"]);

    SHORT_NAME = row(Structure, &["dentry.d_iname"])
        .proves("A short name is in the entry itself.")
        .reads(&["dentry.d_iname", "dentry.d_name", "dentry.d_shortname", "qstr.len", "qstr.name"])
        .reads_elsewhere(&["&_text"]);

    PARENT_SYSTEM = row(Structure, &["dentry.d_parent, d_sb"])
        .proves("The parent of an entry is in the same file system.")
        .reads(&["dentry.d_parent", "dentry.d_sb"]);

    PARENT_CHAIN = row(Structure, &["dentry.d_parent"])
        .proves("The parents of an entry lead to a root.")
        .reads(&["dentry.d_parent"]);

    INODE_SYSTEM = row(Structure, &["inode.i_sb"])
        .proves("The file system of an inode is that of its entry.")
        .reads(&["dentry.d_inode", "dentry.d_sb", "inode.i_sb"]);

    INODE_KIND = row(Structure, &["inode.i_mode"])
        .proves("An inode has one of the seven kinds of files, and permissions.")
        .reads(&["inode.i_mode"]);

    ROOT_FOLDERS = row(Structure, &["inode.i_mode: directories"])
        .proves("The roots of file systems are directories.")
        .reads(&["inode.i_mode"]);

    INODE_MAPPING = row(Structure, &["inode.i_mapping, i_data"])
        .proves("The pages of an inode are its own and lead back to it.")
        .reads(&["address_space.host", "inode.i_data", "inode.i_mapping"]);

    INODE_COUNTS = row(Structure, &["inode.i_nlink, i_count"])
        .proves("An inode counts its links and its users.")
        .reads(&["inode.i_count", "inode.i_nlink"]);

    INODE_OWNER = row(Structure, &["inode.i_uid, i_gid"])
        .proves("An inode belongs to numbers that a user and a group can have.")
        .reads(&["inode.i_gid", "inode.i_uid"]);

    INODE_NUMBER = row(Structure, &["inode.i_ino, i_blkbits"])
        .proves("An inode's number is not a pointer, and its blocks have 512 bytes to one megabyte.")
        .reads(&["inode.i_blkbits", "inode.i_ino"]);

    FOLDERS = row(Structure, &["fs_struct.root.dentry", "fs_struct.pwd.dentry"])
        .proves(
            "The root and the working directory of a task are directories in a mount of their file system.",
        )
        .reads(&[
            "dentry.d_inode", "dentry.d_sb", "fs_struct.pwd", "fs_struct.root", "inode.i_mode",
            "path.dentry", "path.mnt", "task_struct.fs", "vfsmount.mnt_sb",
        ]);

    UMASK = row(Structure, &["fs_struct.umask, users"])
        .proves("The umask has nine bits, and the struct counts its users.")
        .reads(&["fs_struct.umask", "fs_struct.users", "task_struct.fs"]);

    FILE_SYSTEMS = row(Structure, &["super_blocks"])
        .proves("The list of mounted file systems returns to its head, and all back pointers agree.")
        .reads(&["list_head.next", "list_head.prev", "super_block.s_list", "&super_blocks"]);

    FILE_SYSTEM_TYPES = row(Structure, &["file_systems"])
        .proves("The chain of registered types of file systems ends, and each has a name.")
        .reads(&[
            "file_system_type.list", "file_system_type.name", "file_system_type.next", "hlist_node.next",
            "&file_systems",
        ]);

    SYSTEM_TYPE = row(Structure, &["super_block.s_type"])
        .proves("The type of a file system has a name, and is registered or one of the kernel's own.")
        .reads(&["file_system_type.name", "super_block.s_type"])
        .reads_elsewhere(&["&_text"]);

    SYSTEM_ROOT = row(Structure, &["super_block.s_root"])
        .proves("The root of a file system belongs to it, and is its own parent.")
        .reads(&["dentry.d_parent", "dentry.d_sb", "super_block.s_root"]);

    BLOCK_SIZE = row(Structure, &["super_block.s_blocksize, s_blocksize_bits"])
        .proves("The size of a block is the power of two that the struct gives.")
        .reads(&["super_block.s_blocksize", "super_block.s_blocksize_bits"]);

    SYSTEM_MAGIC = row(Structure, &["super_block.s_magic, s_id"])
        .proves("A file system has a magic number of 32 bits and a name.")
        .reads(&["super_block.s_id", "super_block.s_magic"]);

    SYSTEM_OPERATIONS = row(Structure, &["super_block.s_op"])
        .proves("The operations of a file system are a table of the kernel or of a module.")
        .reads(&["super_block.s_op"])
        .reads_elsewhere(&["&_text"]);

    OPEN_SYSTEMS = row(Structure, &["file systems of open files"])
        .proves("The file systems of open files are in the list.");
}
